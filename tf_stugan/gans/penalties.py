"""Penalties on the discriminator's gradient."""

import tensorflow as tf

from tf_stugan import rng
from tf_stugan.gans.terms import Situation


class GradientPenalty:
  """weight * mean (|grad D(x')| - 1)^2, x' uniformly between a real and a fake image (Gulrajani et al., 2017, Eq. 3).

  Args:
    weight: lambda; 10 in the paper.
  """

  name = 'penalty'
  passes = 4  # forward, gradient to the image, and the way back through both

  def __init__(self, weight: float = 10.0):
    self.weight = weight

  def __call__(self, situation: Situation) -> tf.Tensor:
    """Returns the scalar; there are as many real images as fake ones."""
    real, fake = situation.real.images, situation.fake.images
    share = rng.replica_uniform(situation.seed, [real.shape[0], 1, 1, 1])
    between = share * real + (1 - share) * fake
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(between)
      logits = situation.discriminate(between)
    squares = tf.reduce_sum(tape.gradient(logits, between)**2, axis=[1, 2, 3])
    norms = tf.sqrt(squares + 1e-12)  # the root has no slope at 0
    return self.weight * tf.reduce_mean((norms - 1)**2)
