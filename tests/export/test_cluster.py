import itertools

import numpy as np
import pytest
import tensorflow as tf

from tf_stugan.export import cluster
from tf_stugan.layers import resampling

RNG = np.random.default_rng(1)


def normal(*shape):
  return RNG.standard_normal(shape).astype(np.float32)


def apart(image, count):
  return {(a, b): image[:, a::count, b::count] for a, b in itertools.product(range(count), repeat=2)}


def together(phases):
  """[1, n h, n w, C] of n x n phases, by assignment."""
  count = cluster.phases_each_way(phases)
  _, h, w, c = phases[0, 0].shape
  result = np.zeros([1, count * h, count * w, c], np.float32)
  for (a, b), phase in phases.items():
    result[:, a::count, b::count] = phase
  return result


@pytest.mark.parametrize('outputs', [3, 7])
@pytest.mark.parametrize('count', [1, 2])
def test_upsampled_convolution_equals_the_layer(outputs, count):
  x, kernel, bias = normal(1, 4, 4, 6), normal(3, 3, 6, outputs), normal(outputs)
  result = together(cluster.convolution(apart(x, count), kernel, bias, 2 * count))
  np.testing.assert_allclose(result, resampling.upsample_conv(x, tf.constant(kernel)) + bias, atol=1e-5)


@pytest.mark.parametrize('outputs', [3, 7])
@pytest.mark.parametrize('count', [2, 4])
def test_convolution_of_phases_equals_the_layer(outputs, count):
  x, kernel, bias = normal(1, 8, 8, 6), normal(3, 3, 6, outputs), normal(outputs)
  expected = resampling.conv(x, kernel) + bias
  np.testing.assert_allclose(together(cluster.convolution(apart(x, count), kernel, bias, count)), expected, atol=1e-5)
  np.testing.assert_allclose(cluster.convolve_and_leave(apart(x, count), kernel, bias), expected, atol=1e-5)


@pytest.mark.parametrize('density', [1.0, 0.95, 0.5])
def test_a_full_product_is_cut_in_two(density):
  x, bias = normal(1, 2, 2, 32), normal(40)
  matrix = normal(32, 40) * (RNG.random([32, 40]) < density)
  graph = tf.function(lambda x: cluster.product(x, matrix, bias)).get_concrete_function(tf.TensorSpec(x.shape))
  filters = [op.inputs[1] for op in graph.graph.get_operations() if op.type == 'Conv2D']
  assert len(filters) == (2 if density > 0.9 else 1)
  assert not any(cluster.is_in_blocks(tf.get_static_value(f)[0, 0]) for f in filters)
  np.testing.assert_allclose(graph(x), x @ matrix + bias, atol=1e-5)


def test_blocks_of_two_and_four_outputs():
  full = np.repeat(RNG.random([32, 10]) < 0.1, 4, axis=1)  # as a mask of output blocks leaves it
  assert cluster.is_in_blocks(full)
  assert cluster.is_in_blocks(full & (RNG.random(full.shape) < 0.95))
  assert not cluster.is_in_blocks(full & (RNG.random(full.shape) < 0.8))
  assert cluster.is_in_blocks(full[:, 2:4])
  assert not cluster.is_in_blocks(full[:, ::3])


def test_affine_relu():
  x, scale, offset = normal(1, 2, 2, 5), normal(5), normal(5)
  np.testing.assert_allclose(cluster.affine_relu(x, scale, offset), np.maximum(x * scale + offset, 0), atol=1e-6)


@pytest.mark.parametrize('count', [2, 4])
def test_interleave_and_leave_put_phases_in_their_places(count):
  phases = {(a, b): normal(1, 4, 6, 3) for a, b in itertools.product(range(count), repeat=2)}
  even = cluster.even_places((8, 12), tf.zeros([1, 1, 1, 1]))
  np.testing.assert_array_equal(even[0, :4, :4, 0], [[1, 0, 1, 0], [0] * 4] * 2)
  larger = cluster.interleave(phases, even)
  assert len(larger) == count**2 / 4
  np.testing.assert_array_equal(together(larger), together(phases))
  np.testing.assert_array_equal(cluster.leave(phases), together(phases))


def test_enter_takes_blocks_of_pixels():
  image = normal(1, 4, 6, 3)
  blocks = image.reshape(2, 2, 3, 2, 3).transpose(0, 2, 1, 3, 4).reshape(1, 2, 3, 12)
  np.testing.assert_array_equal(cluster.enter(image), blocks)
