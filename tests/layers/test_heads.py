import numpy as np
import tensorflow as tf

from tf_stugan.layers import heads
from tf_stugan.layers.spectral_norm import SpectralNorm
from tf_stugan.layers.style import LayerStyle

FEATURES = tf.random.stateless_normal([4, 6], [1, 2])
LABELS = tf.constant([0, 2, 1, 2])


def test_unconditional_is_linear_and_ignores_labels():
  head = heads.Unconditional(LayerStyle(), use_bias=False)
  np.testing.assert_allclose(head(FEATURES, LABELS), FEATURES @ head.kernel, rtol=1e-5)
  assert len(head.trainable_variables) == 1


def test_projection_adds_the_inner_product_with_the_class():
  head = heads.Projection(LayerStyle(), num_classes=3)
  result = head(FEATURES, LABELS)
  rows = head.embedding.table.numpy()[LABELS.numpy()]
  expected = (FEATURES @ head.kernel + head.bias).numpy()[:, 0] + (FEATURES.numpy() * rows).sum(axis=1)
  np.testing.assert_allclose(result[:, 0], expected, rtol=1e-5)


def test_spectral_norm_reaches_the_embedding():
  head = heads.Projection(LayerStyle(embedding_normalizer=SpectralNorm), num_classes=3)
  for _ in range(100):
    embedded = head.embedding(tf.range(3), training=True) if head.built else head(FEATURES, LABELS, training=True)
  np.testing.assert_allclose(np.linalg.svd(embedded, compute_uv=False)[0], 1, rtol=1e-4)


def test_auxiliary_classifier_appends_class_logits():
  head = heads.AuxiliaryClassifier(LayerStyle(), num_classes=3)
  result = head(FEATURES, LABELS)
  assert result.shape == (4, 4)
  np.testing.assert_allclose(result[:, 1:], FEATURES @ head.classes.kernel + head.classes.bias, rtol=1e-5, atol=1e-6)
