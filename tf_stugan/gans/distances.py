"""How far the images of one generator are from those of another."""

from collections.abc import Callable

import tensorflow as tf

Distance = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]  # (images [N, H, W, C] to come near to, images) -> a scalar


def pixels(targets: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
  """Returns the mean absolute difference."""
  return tf.reduce_mean(tf.abs(targets - images))
