import numpy as np
import pytest
import tensorflow as tf

from tf_stugan.layers.spectral_norm import SpectralNorm

KERNEL = tf.random.stateless_normal([3, 3, 4, 6], [1, 2])


def converged(kernel):
  layer = SpectralNorm()
  for _ in range(200):
    result = layer(kernel, training=True)
  return layer, result


def test_it_converges_to_the_largest_singular_value():
  _, result = converged(KERNEL)
  largest = np.linalg.svd(KERNEL.numpy().reshape(-1, 6), compute_uv=False)[0]
  np.testing.assert_allclose(result, KERNEL / largest, rtol=1e-4)


def test_one_power_iteration_by_hand():
  layer = SpectralNorm()
  layer.build([2, 2])
  layer.u.assign([1., 0.])
  kernel = tf.constant([[3., 1.], [4., 0.]])
  result = layer(kernel, training=True)
  # v = M u / |M u| = (3, 4) / 5; u = M^T v / |.| = (5, 0.6) / |.|; sigma = v^T M u = |(5, 0.6)|
  np.testing.assert_allclose(layer.v, [0.6, 0.8], rtol=1e-6)
  sigma = np.hypot(5, 0.6)
  np.testing.assert_allclose(layer.u, np.array([5, 0.6]) / sigma, rtol=1e-6)
  np.testing.assert_allclose(result, kernel / sigma, rtol=1e-6)


def test_the_gradient_flows_through_sigma():
  layer, _ = converged(KERNEL)
  weights = tf.random.stateless_normal(KERNEL.shape, [5, 6])
  kernel = tf.Variable(KERNEL)
  with tf.GradientTape() as tape:
    loss = tf.reduce_sum(weights * layer(kernel, training=False))
  gradient = tape.gradient(loss, kernel)
  # Scaling a kernel does not change the normalized one, so the gradient has no part along the kernel.
  assert float(tf.reduce_sum(gradient * kernel)) == pytest.approx(0, abs=1e-3)
  assert float(tf.norm(gradient)) > 0.1


def test_a_kernel_of_zeros_can_be_trained_and_leaves_the_vectors():
  """As a mask update leaves it that drops all weights and regrows as many."""
  layer, _ = converged(KERNEL)
  before, kernel = (layer.u.numpy(), layer.v.numpy()), tf.Variable(tf.zeros_like(KERNEL))
  with tf.GradientTape() as tape:
    result = layer(kernel, training=True)
  np.testing.assert_array_equal(result, kernel)
  np.testing.assert_array_equal(tape.gradient(result, kernel), tf.ones_like(KERNEL))
  for old, new in zip(before, (layer.u, layer.v), strict=True):
    np.testing.assert_array_equal(new, old)


def test_only_training_moves_the_vectors():
  layer, _ = converged(KERNEL)
  before = layer.u.numpy()
  layer(2 * tf.roll(KERNEL, 1, axis=2), training=False)
  np.testing.assert_array_equal(layer.u, before)
  layer(2 * tf.roll(KERNEL, 1, axis=2), training=True)
  assert (layer.u.numpy() != before).any()
