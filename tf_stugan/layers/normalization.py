"""Batch normalization as the papers' PyTorch code has it."""

import math

import tensorflow as tf

from tf_stugan.compat import keras


class BatchNorm(keras.layers.BatchNormalization):
  """Keras's, which remembers how many values it puts out for one image: the papers' cost tables count them."""

  values = 0

  def build(self, input_shape):
    self.values = math.prod(input_shape[1:])
    super().build(input_shape)


def batch_norm(name: str | None = None, momentum: float = 0.9, epsilon: float = 1e-5) -> keras.layers.Layer:
  """BatchNorm with gamma ~ N(1, 0.02), beta = 0; `momentum` is the share of the old running statistic.

  Under more than one replica the statistics are those of the global batch: otherwise each replica would keep running
  statistics of its own, and a resumed run could not be bit-identical.
  """
  return BatchNorm(
      momentum=momentum, epsilon=epsilon, gamma_initializer=keras.initializers.RandomNormal(1.0, 0.02), name=name,
      synchronized=tf.distribute.get_strategy().num_replicas_in_sync > 1)
