"""What a discriminator ends in: features [N, C] and labels int32 [N] -> [N, 1 + K].

Column 0 is the logit of "real"; the K others, in `AuxiliaryClassifier` alone, are class logits. They are computed in float32
whatever the network computes in: balance ratios are differences of logits that are nearly equal.
"""

import tensorflow as tf

from tf_stugan import compat
from tf_stugan.layers.prunable import Dense
from tf_stugan.layers.style import LayerStyle


class Unconditional(Dense):
  """The real logit, a linear function of the features; labels are ignored.

  Args:
    style: of the layers.
    use_bias: adds a bias.
    prunable: False keeps it dense whatever is masked.
    name: of the layer.
  """

  def __init__(self, style: LayerStyle, use_bias: bool = True, prunable: bool = True, name: str = 'logits'):
    super().__init__(
        1, use_bias=use_bias, kernel_initializer=style.dense_initializer, bias_initializer=style.bias_initializer,
        kernel_normalizer=style.kernel_normalizer, prunable=prunable, name=name, dtype='float32')

  def call(self, features, labels=None, training=False):
    del labels
    return super().call(features, training=training)


class Projection(Unconditional):
  """Adds the inner product of the features and the class's embedding (Miyato and Koyama, 2018, Eq. 4).

  Args:
    style, use_bias, prunable, name: as in `Unconditional`.
    num_classes: labels are in [0, num_classes).
  """

  def __init__(self, style: LayerStyle, num_classes: int, use_bias: bool = True, prunable: bool = True,
               name: str = 'logits'):
    super().__init__(style, use_bias, prunable, name)
    self.style = style
    self.num_classes = num_classes

  def build(self, input_shape):
    with compat.precision('float32'):
      self.embedding = self.style.embedding(self.num_classes, input_shape[-1], 'embedding')
    super().build(input_shape)

  def call(self, features, labels, training=False):
    product = tf.reduce_sum(features * self.embedding(labels, training=training), axis=1, keepdims=True)
    return super().call(features, training=training) + product


class AuxiliaryClassifier(Unconditional):
  """Adds a linear classifier of the classes (Odena et al., 2017, https://arxiv.org/abs/1610.09585).

  Args: as in `Projection`.
  """

  def __init__(self, style: LayerStyle, num_classes: int, use_bias: bool = True, prunable: bool = True,
               name: str = 'logits'):
    super().__init__(style, use_bias, prunable, name)
    with compat.precision('float32'):
      self.classes = style.dense(num_classes, 'classes', prunable=prunable)

  def call(self, features, labels=None, training=False):
    return tf.concat([super().call(features, training=training), self.classes(features, training=training)], axis=1)
