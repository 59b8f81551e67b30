import numpy as np
import pytest
import tensorflow as tf

from tf_stugan.export import cluster
from tf_stugan.layers import resampling

RNG = np.random.default_rng(1)


def normal(*shape):
  return RNG.standard_normal(shape).astype(np.float32)


def together(phases):
  """[1, 2h, 2w, C] of four phases, by assignment."""
  _, h, w, c = phases[0, 0].shape
  result = np.zeros([1, 2 * h, 2 * w, c], np.float32)
  for (a, b), phase in phases.items():
    result[:, a::2, b::2] = phase
  return result


@pytest.mark.parametrize('outputs', [3, 7])
def test_upsampled_convolution_equals_the_layer(outputs):
  x, kernel, bias = normal(1, 4, 4, 6), normal(3, 3, 6, outputs), normal(outputs)
  result = together(cluster.convolution({(0, 0): x}, kernel, bias, 2))
  np.testing.assert_allclose(result, resampling.upsample_conv(x, tf.constant(kernel)) + bias, atol=1e-5)


@pytest.mark.parametrize('outputs', [3, 7])
def test_convolution_of_phases_equals_the_layer(outputs):
  x, kernel, bias = normal(1, 8, 8, 6), normal(3, 3, 6, outputs), normal(outputs)
  result = cluster.convolution({(a, b): x[:, a::2, b::2] for a in (0, 1) for b in (0, 1)}, kernel, bias, 2)
  np.testing.assert_allclose(together(result), resampling.conv(x, kernel) + bias, atol=1e-5)


def test_affine_relu():
  x, scale, offset = normal(1, 2, 2, 5), normal(5), normal(5)
  np.testing.assert_allclose(cluster.affine_relu(x, scale, offset), np.maximum(x * scale + offset, 0), atol=1e-6)


def test_interleave_and_leave_put_phases_in_their_places():
  phases = {(a, b): normal(1, 4, 6, 3) for a in (0, 1) for b in (0, 1)}
  even = cluster.even_places((8, 12), tf.zeros([1, 1, 1, 1]))
  np.testing.assert_array_equal(even[0, :4, :4, 0], [[1, 0, 1, 0], [0] * 4] * 2)
  np.testing.assert_array_equal(cluster.interleave(phases, even), together(phases))
  np.testing.assert_array_equal(cluster.leave(phases), together(phases))


def test_enter_takes_blocks_of_pixels():
  image = normal(1, 4, 6, 3)
  blocks = image.reshape(2, 2, 3, 2, 3).transpose(0, 2, 1, 3, 4).reshape(1, 2, 3, 12)
  np.testing.assert_array_equal(cluster.enter(image), blocks)
