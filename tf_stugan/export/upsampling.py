"""Nearest upsampling by two and the 3 x 3 convolution after it, in the forms that a runtime of dense products can be given.

All compute the same; docs/edge.md has how fast each is where.
"""

from collections.abc import Callable
import itertools

import numpy as np
import tensorflow as tf

from tf_stugan.layers import resampling

UpsampleConv = Callable[[tf.Tensor, np.ndarray], tf.Tensor]  # [N, h, w, C_in], [3, 3, C_in, C_out] -> [N, 2h, 2w, C_out]

# By the row (or column) of a phase: which taps of the 3 x 3 kernel fall on each of the two pixels that it sees.
_TAPS = np.array([[[1, 0, 0], [0, 1, 1]], [[1, 1, 0], [0, 0, 1]]], np.float32)


def upsample(x: tf.Tensor) -> tf.Tensor:
  """Repeats each pixel 2 x 2 by the runtime's own operation: it has an int8 form, and is quicker than a broadcast."""
  return tf.raw_ops.ResizeNearestNeighbor(images=x, size=[2 * side for side in x.shape[1:3]])


def transposed(x: tf.Tensor, kernel: np.ndarray) -> tf.Tensor:
  """Computes it as one transposed convolution with a 4 x 4 kernel, as in training: 16 products for four pixels."""
  return resampling.upsample_conv(x, tf.constant(kernel))


def resized(x: tf.Tensor, kernel: np.ndarray) -> tf.Tensor:
  """Computes it as it is written: 36 products for four pixels."""
  return resampling.conv(upsample(x), kernel)


def phases(x: tf.Tensor, kernel: np.ndarray) -> tf.Tensor:
  """Computes the four phases of the result by 2 x 2 convolutions, and interleaves them: 16 products for four pixels."""
  _, h, w, _ = x.shape
  x = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])
  kernels = np.einsum('ari,bsj,ijcd->abrscd', _TAPS, _TAPS, kernel)
  parts = [tf.nn.conv2d(x[:, a:a + h + 1, b:b + w + 1], kernels[a, b], 1, 'VALID')
           for a, b in itertools.product(range(2), repeat=2)]
  return tf.nn.depth_to_space(tf.concat(parts, -1), 2)


FORMS = {'transposed': transposed, 'resized': resized, 'phases': phases}
