"""The fast forms equal the plain ones, in value and in gradient."""

import numpy as np
import pytest
import tensorflow as tf

from tf_stugan.layers import prunable
from tf_stugan.layers import resampling

PAIRS = {
    'up': (resampling.upsample_conv, lambda x, k: resampling.conv(resampling.upsample_nearest(x), k)),
    'down': (resampling.conv_pool, lambda x, k: resampling.average_pool(resampling.conv(x, k))),
}


@pytest.mark.parametrize('which,size', [('up', 3), ('down', 1), ('down', 3)])
def test_fast_equals_plain(which, size):
  x = tf.random.stateless_normal([2, 6, 8, 5], [1, 2])
  kernel = tf.random.stateless_normal([size, size, 5, 7], [3, 4])
  results = []
  for function in PAIRS[which]:
    with tf.GradientTape() as tape:
      tape.watch([x, kernel])
      y = function(x, kernel)
      loss = tf.reduce_sum(y * tf.random.stateless_normal(y.shape, [5, 6]))
    results.append([y, *tape.gradient(loss, [x, kernel])])
  for fast, plain in zip(*results, strict=True):
    np.testing.assert_allclose(fast, plain, rtol=1e-4, atol=1e-4)


def test_a_1x1_convolution_comes_before_the_upsampling():
  x = tf.random.stateless_normal([2, 6, 8, 5], [1, 2])
  layer = prunable.Conv2D(7, kernel_size=1, resample='up')
  y = layer(x)
  layer.bias.assign(tf.range(7.))
  np.testing.assert_allclose(
      layer(x), resampling.conv(resampling.upsample_nearest(x), layer.kernel) + layer.bias, atol=1e-5)
  assert y.shape == (2, 12, 16, 7)
  assert layer.multiply_adds == 12 * 16 * 5 * 7  # as the papers count


def test_upsample_nearest_repeats_pixels():
  x = tf.reshape(tf.range(4.), [1, 2, 2, 1])
  assert resampling.upsample_nearest(x)[0, :, :, 0].numpy().tolist() == [
      [0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]


def test_nearest_by_more_than_two():
  x = tf.reshape(tf.range(4.), [1, 2, 2, 1])
  np.testing.assert_array_equal(
      resampling.upsample_nearest(x, 4), resampling.upsample_nearest(resampling.upsample_nearest(x)))


def test_bilinear_does_not_align_corners():
  x = tf.reshape(tf.constant([0., 1.]), [1, 1, 2, 1])
  assert resampling.upsample_bilinear(x)[0, 0, :, 0].numpy().tolist() == [0, 0.25, 0.75, 1]


def test_pooling_of_an_odd_map_leaves_out_the_last_row_and_column():
  x = tf.random.stateless_normal([2, 3, 3, 5], [1, 2])
  kernel = tf.random.stateless_normal([3, 3, 5, 7], [3, 4])
  np.testing.assert_allclose(
      resampling.conv_pool(x, kernel), resampling.average_pool(resampling.conv(x, kernel)), atol=1e-5)
  assert resampling.conv_pool(x, kernel).shape == (2, 1, 1, 7)
