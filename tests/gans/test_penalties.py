import numpy as np
import pytest
import tensorflow as tf

from tf_stugan.data.images import Examples
from tf_stugan.gans.penalties import GradientPenalty
from tf_stugan.gans.terms import Situation

REAL, FAKE = (tf.random.stateless_normal([3, 2, 2, 1], seed) for seed in ([1, 2], [3, 4]))
SEED = tf.constant([5, 6])


def apply(penalty, discriminate):
  real, fake = (Examples(images, tf.zeros([3], tf.int32)) for images in (REAL, FAKE))
  return penalty(Situation(SEED, fake, None, real, discriminate=discriminate))


def test_a_linear_discriminator_has_one_norm_everywhere():
  weights = tf.reshape(tf.constant([3., 0., 4., 0.]), [1, 2, 2, 1])  # |gradient| = 5
  penalty = apply(GradientPenalty(10.0), lambda x: tf.reduce_sum(weights * x, axis=[1, 2, 3])[:, None])
  assert float(penalty) == pytest.approx(10 * (5 - 1)**2)


def test_it_looks_between_real_and_fake_at_another_place_for_every_image():
  seen = []
  def discriminate(x):
    seen.append(x.numpy())
    return tf.reduce_sum(x**2, axis=[1, 2, 3])[:, None]
  penalty = apply(GradientPenalty(1.0), discriminate)
  shares = ((seen[0] - FAKE) / (REAL - FAKE)).numpy().reshape(3, -1)
  assert (shares.std(axis=1) < 1e-4).all() and (shares >= 0).all() and (shares < 1).all()
  assert shares.mean(axis=1).std() > 0.01
  norms = 2 * np.sqrt((seen[0]**2).sum(axis=(1, 2, 3)))
  assert float(penalty) == pytest.approx(((norms - 1)**2).mean(), rel=1e-5)


def test_its_gradient_reaches_the_discriminator_and_is_finite_where_the_image_does_not_matter():
  scale = tf.Variable(0.0)
  with tf.GradientTape() as tape:
    penalty = apply(GradientPenalty(), lambda x: scale * tf.reduce_sum(x, axis=[1, 2, 3])[:, None])
  assert np.isfinite(tape.gradient(penalty, scale))
