"""Vectors of classes."""

import tensorflow as tf

from tf_stugan.compat import keras
from tf_stugan.layers.prunable import NormalizerFn


class Embedding(keras.layers.Layer):
  """Labels int32 [N] -> rows [N, units] of a table [num_classes, units]. Never masked.

  A product with one-hot rows: its gradient is dense and, unlike that of a gather, the same twice on a GPU.

  Args:
    num_classes: labels are in [0, num_classes); another label gives zeros.
    units: length of a row.
    initializer: a Keras initializer.
    normalizer: makes a layer that maps the table to the one used, for example `SpectralNorm`.
    name: of the layer.
  """

  def __init__(self, num_classes: int, units: int, initializer, normalizer: NormalizerFn | None = None,
               name: str | None = None):
    super().__init__(name=name)
    self.num_classes = num_classes
    self.units = units
    self.initializer = keras.initializers.get(initializer)
    self.normalizer = normalizer() if normalizer else None

  def build(self, input_shape):
    self.table = self.add_weight(
        'table', [self.num_classes, self.units], initializer=self.initializer, experimental_autocast=False)
    super().build(input_shape)

  def call(self, labels, training=False):
    table = tf.convert_to_tensor(self.table)
    if self.normalizer is not None:
      table = self.normalizer(table, training=training)
    return tf.matmul(tf.one_hot(labels, self.num_classes, dtype=self.compute_dtype), tf.cast(table, self.compute_dtype))
