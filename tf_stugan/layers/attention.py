"""Self-attention over positions (Zhang et al., 2018, https://arxiv.org/abs/1805.08318), in the form that BigGAN gave it."""

import tensorflow as tf

from tf_stugan.compat import keras
from tf_stugan.layers.style import LayerStyle


class SelfAttention(keras.layers.Layer):
  """x [N, H, W, C] -> x + gate * o(softmax(theta(x) phi(x)^T) g(x)), H and W even.

  theta and phi have C/8 channels, g has C/2; phi and g are max-pooled 2 x 2, so that each position attends to H/2 x W/2
  others. All four are 1 x 1 convolutions without bias; the gate, one trainable number, is 0 at first.

  Args:
    style: of the convolutions.
    name: of the layer.
  """

  def __init__(self, style: LayerStyle, name: str = 'attention'):
    super().__init__(name=name)
    self.style = style

  def build(self, input_shape):
    channels = input_shape[-1]
    self.theta = self._conv(max(channels // 8, 1), 'theta')
    self.phi = self._conv(max(channels // 8, 1), 'phi')
    self.g = self._conv(max(channels // 2, 1), 'g')
    self.o = self._conv(channels, 'o')
    self.gate = self.add_weight('gate', [], initializer='zeros')
    super().build(input_shape)

  def _conv(self, units, name):
    return self.style.conv(units, name, kernel_size=1, use_bias=False)

  def call(self, x, training=False):
    _, height, width, _ = x.shape
    queries = _positions(self.theta(x, training=training))
    keys = _positions(_max_pool(self.phi(x, training=training)))
    values = _positions(_max_pool(self.g(x, training=training)))
    weights = tf.nn.softmax(tf.matmul(queries, keys, transpose_b=True))  # [N, H W, H W / 4]
    attended = tf.reshape(tf.matmul(weights, values), [-1, height, width, values.shape[-1]])
    return x + self.gate * self.o(attended, training=training)


def _max_pool(x):
  return tf.nn.max_pool2d(x, 2, 2, 'VALID')


def _positions(x):
  return tf.reshape(x, [-1, x.shape[1] * x.shape[2], x.shape[3]])
