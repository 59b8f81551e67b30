"""Changing the resolution of NHWC images by two."""

import tensorflow as tf


def upsample_nearest(x: tf.Tensor) -> tf.Tensor:
  """[N, H, W, C] -> [N, 2H, 2W, C], each pixel repeated 2 x 2."""
  n, h, w, c = x.shape
  n = tf.shape(x)[0] if n is None else n
  x = tf.broadcast_to(x[:, :, None, :, None, :], [n, h, 2, w, 2, c])
  return tf.reshape(x, [n, 2 * h, 2 * w, c])


def average_pool(x: tf.Tensor) -> tf.Tensor:
  """[N, H, W, C] -> [N, H/2, W/2, C], mean over 2 x 2."""
  return tf.nn.avg_pool2d(x, 2, 2, 'VALID')
