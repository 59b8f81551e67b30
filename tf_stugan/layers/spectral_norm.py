"""Spectral normalization of a kernel (Miyato et al., 2018, https://arxiv.org/abs/1802.05957, Algorithm 1)."""

from collections.abc import Iterator
import contextlib
import contextvars

import tensorflow as tf

from tf_stugan import compat
from tf_stugan.compat import keras


_OFF = contextvars.ContextVar('off', default=False)


@contextlib.contextmanager
def switched_off() -> Iterator[None]:
  """Makes layers that are called (or traced) in it compute with their kernels as they are."""
  token = _OFF.set(True)
  try:
    yield
  finally:
    _OFF.reset(token)


def power_iteration(matrix: tf.Tensor, u: tf.Tensor, epsilon: float) -> tuple[tf.Tensor, tf.Tensor]:
  """Takes one step towards the largest singular value.

  Args:
    matrix: [K, O].
    u: the left vector of the step before, [O, 1].
    epsilon: the norms' floor.

  Returns:
    (u [O, 1], v [K, 1]): v <- M u / |M u|, then u <- M^T v / |M^T v|.
  """
  def normalized(x):
    return x / tf.maximum(tf.sqrt(tf.reduce_sum(x * x)), epsilon)
  v = normalized(tf.matmul(matrix, u))
  return normalized(tf.matmul(matrix, v, transpose_a=True)), v


class SpectralNorm(keras.layers.Layer):
  """Divides a kernel by its largest singular value sigma = v^T M u.

  The kernel [..., C_out] is viewed as the matrix M = [K, C_out]. Each call with `training=True` makes one power
  iteration; u and v are constants to the gradient, which flows through the kernel *and* through sigma. The variable that
  the optimizer moves, that masks act on and that regrowth ranks is the kernel before the division. One of zeros stays one.

  Args:
    epsilon: floor of the norms; 1e-12 in SNGAN, 1e-8 in BigGAN-32 of the STU-GAN code.
  """

  def __init__(self, epsilon: float = 1e-12, name: str = 'spectral_norm'):
    super().__init__(name=name, dtype='float32')  # also where the network computes in less
    self.epsilon = epsilon

  def build(self, kernel_shape):
    kernel_shape = tf.TensorShape(kernel_shape)
    rows, columns = kernel_shape[:-1].num_elements(), kernel_shape[-1]
    self.u = self._vector('u', columns)
    self.v = self._vector('v', rows)
    super().build(kernel_shape)

  def _vector(self, name, size):
    return self.add_weight(
        name=name, shape=[size], trainable=False, initializer=keras.initializers.RandomNormal(stddev=size**-0.5))

  def call(self, kernel, training=False):
    if _OFF.get():
      return kernel
    matrix = tf.reshape(kernel, [-1, kernel.shape[-1]])
    u = tf.expand_dims(self.u, 1)
    if training:
      u, v = power_iteration(tf.stop_gradient(matrix), u, self.epsilon)
    else:
      v = tf.expand_dims(self.v, 1)
    sigma = tf.reshape(tf.matmul(v, tf.matmul(matrix, u), transpose_a=True), [])
    is_zero = sigma == 0
    if training:  # a kernel of zeros, as a mask update may leave one, leaves u and v as they are
      compat.assign(self.u, tf.where(is_zero, self.u, tf.squeeze(u, 1)))
      compat.assign(self.v, tf.where(is_zero, self.v, tf.squeeze(v, 1)))
    return kernel / tf.where(is_zero, 1.0, sigma)
