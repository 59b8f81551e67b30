"""What is added to a discriminator's loss."""

from collections.abc import Callable

import tensorflow as tf

from tf_stugan import rng


class GradientPenalty:
  """weight * mean (|grad D(x')| - 1)^2, x' uniformly between a real and a fake image (Gulrajani et al., 2017, Eq. 3).

  Args:
    weight: lambda; 10 in the paper.
  """

  def __init__(self, weight: float = 10.0):
    self.weight = weight

  def __call__(self, discriminate: Callable[[tf.Tensor], tf.Tensor], real: tf.Tensor, fake: tf.Tensor,
               seed: rng.Seed) -> tf.Tensor:
    """A scalar; `discriminate` maps images [N, H, W, C] to logits [N, 1], real and fake have the same N."""
    share = rng.replica_uniform(seed, [real.shape[0], 1, 1, 1])
    between = share * real + (1 - share) * fake
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(between)
      logits = discriminate(between)
    squares = tf.reduce_sum(tape.gradient(logits, between)**2, axis=[1, 2, 3])
    norms = tf.sqrt(squares + 1e-12)  # the root has no slope at 0
    return self.weight * tf.reduce_mean((norms - 1)**2)
