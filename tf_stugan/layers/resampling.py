"""Convolutions together with a change of resolution by two, over NHWC images.

Each function computes exactly what the plain sequence of operations does, with fewer products: nearest upsampling repeats
every pixel 2 x 2, and a 3 x 3 window over it sees at most 2 x 2 different pixels, so one strided transposed convolution with
a 4 x 4 kernel of summed taps does the same with 16 products for four outputs instead of 36. Mean pooling after a
convolution is the same fact turned around, and a 1 x 1 convolution commutes with both. The weights stay 3 x 3: masks, costs
and checkpoints do not know of this.
"""

import numpy as np
import tensorflow as tf

# Rows: taps of the 4 x 4 kernel along one direction. Columns: taps of the 3 x 3 kernel that are summed in it.
_UP_TAPS = np.array([[0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]], np.float32)
_DOWN_TAPS = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 1], [0, 0, 1]], np.float32) / 2


def upsample_nearest(x: tf.Tensor, factor: int = 2) -> tf.Tensor:
  """Repeats each pixel factor x factor: [N, H, W, C] -> [N, factor H, factor W, C]."""
  _, h, w, _ = x.shape

  @tf.custom_gradient  # that of TensorFlow adds up in any order on a GPU, and is slower
  def repeat(x):
    def grad(upstream):
      return factor**2 * tf.nn.avg_pool2d(upstream, factor, factor, 'VALID')
    return tf.image.resize(x, [factor * h, factor * w], 'nearest'), grad
  return repeat(x)


def upsample_bilinear(x: tf.Tensor, factor: int = 2) -> tf.Tensor:
  """Enlarges [N, H, W, C] -> [N, factor H, factor W, C], pixel centres at half coordinates (corners not aligned)."""
  return tf.image.resize(x, [factor * x.shape[1], factor * x.shape[2]], 'bilinear')


def average_pool(x: tf.Tensor) -> tf.Tensor:
  """Averages 2 x 2 pixels: [N, H, W, C] -> [N, floor(H/2), floor(W/2), C]."""
  return tf.nn.avg_pool2d(x, 2, 2, 'VALID')


def conv(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
  """Convolves with SAME padding: [N, H, W, C_in], [k, k, C_in, C_out] -> [N, H, W, C_out]."""
  return tf.nn.conv2d(x, kernel, 1, 'SAME')


def strided_conv(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
  """Convolves with stride 2 and SAME padding: [N, H, W, C_in] -> [N, ceil(H/2), ceil(W/2), C_out]."""
  return tf.nn.conv2d(x, kernel, 2, 'SAME')


def upsample_conv(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
  """Computes conv(upsample_nearest(x), kernel) for 3 x 3 kernels: [N, H, W, C_in] -> [N, 2H, 2W, C_out]."""
  _, h, w, _ = x.shape
  kernel = _sum_taps(_UP_TAPS, tf.transpose(kernel, [0, 1, 3, 2]))
  return tf.nn.conv2d_transpose(x, kernel, [tf.shape(x)[0], 2 * h, 2 * w, kernel.shape[2]], 2, 'SAME')


def conv_pool(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
  """Computes average_pool(conv(x, kernel)) for 1 x 1 and 3 x 3 kernels: [N, H, W, C_in] -> [N, H/2, W/2, C_out]."""
  if kernel.shape[0] == 1:
    return conv(average_pool(x), kernel)
  if x.shape[1] % 2 or x.shape[2] % 2:  # the pooling leaves out what the strided convolution would see
    return average_pool(conv(x, kernel))
  return tf.nn.conv2d(x, _sum_taps(_DOWN_TAPS, kernel), 2, 'SAME')


def _sum_taps(taps, kernel):
  """Makes a 4 x 4 kernel of a 3 x 3 one, by taps [4, 3] in both directions; one product, which is quicker than einsum."""
  _, _, c, d = kernel.shape
  return tf.reshape(tf.matmul(tf.constant(np.kron(taps, taps), kernel.dtype), tf.reshape(kernel, [9, c * d])), [4, 4, c, d])
