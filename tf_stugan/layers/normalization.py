"""Batch normalization as the papers' PyTorch code has it."""

import tensorflow as tf

from tf_stugan.compat import keras


def batch_norm(name: str | None = None, momentum: float = 0.9, epsilon: float = 1e-5) -> keras.layers.Layer:
  """BatchNorm with gamma ~ N(1, 0.02), beta = 0; `momentum` is the share of the old running statistic.

  Under more than one replica the statistics are those of the global batch: otherwise each replica would keep running
  statistics of its own, and a resumed run could not be bit-identical.
  """
  return keras.layers.BatchNormalization(
      momentum=momentum, epsilon=epsilon, gamma_initializer=keras.initializers.RandomNormal(1.0, 0.02), name=name,
      synchronized=tf.distribute.get_strategy().num_replicas_in_sync > 1)
