import numpy as np
import tensorflow as tf

from tf_stugan.layers.attention import SelfAttention
from tf_stugan.layers.style import LayerStyle

X = tf.random.stateless_normal([2, 4, 6, 16], [1, 2])


def by_hand(layer, x):
  """Loops over positions, in float64."""
  theta, phi, g, o = (np.asarray(conv.kernel, np.float64)[0, 0] for conv in (layer.theta, layer.phi, layer.g, layer.o))
  n, h, w, _ = x.shape
  def pooled(v):
    return v.reshape(n, h // 2, 2, w // 2, 2, -1).max(axis=(2, 4)).reshape(n, -1, v.shape[-1])
  keys, values = pooled(x @ phi), pooled(x @ g)
  result = np.zeros_like(x)
  for image in range(n):
    for i in range(h):
      for j in range(w):
        scores = keys[image] @ (x[image, i, j] @ theta)
        weights = np.exp(scores - scores.max())
        result[image, i, j] = weights / weights.sum() @ values[image] @ o
  return result


def test_it_is_its_formula():
  layer = SelfAttention(LayerStyle())
  np.testing.assert_array_equal(layer(X), X)  # the gate is 0 at first
  layer.gate.assign(0.7)
  x = X.numpy().astype(np.float64)
  np.testing.assert_allclose(layer(X), x + 0.7 * by_hand(layer, x), atol=1e-5)
  assert np.abs(by_hand(layer, x)).max() > 0.1


def test_shapes_are_the_papers():
  layer = SelfAttention(LayerStyle())
  layer(X)
  assert [v.shape.as_list() for v in layer.trainable_variables if v.shape.rank] == [
      [1, 1, 16, 2], [1, 1, 16, 2], [1, 1, 16, 8], [1, 1, 8, 16]]
