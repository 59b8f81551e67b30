import numpy as np
import tensorflow as tf

from tf_stugan.gans import diff_augment

X = tf.random.stateless_uniform([64, 8, 8, 3], [1, 2], -1, 1)


def draws(*values):
  return [tf.constant([v], tf.float32) for v in values]


def test_colors_by_hand():
  x = X[:1].numpy()
  result = diff_augment.change_color(X[:1], *draws(0.75, 0.25, 0.5))
  expected = x + 0.25  # brightness
  grey = expected.mean(axis=3, keepdims=True)
  expected = 0.5 * (expected - grey) + grey  # saturation
  np.testing.assert_allclose(result, expected, atol=1e-6)  # contrast 1
  halved = diff_augment.change_color(X[:1], *draws(0.5, 0.5, 0.0))
  np.testing.assert_allclose(halved, 0.5 * (x - x.mean()) + x.mean(), atol=1e-6)


def test_a_shift_moves_whole_pixels_and_fills_with_zeros():
  x = X[:1].numpy()
  result = diff_augment.translate(X[:1], 0.25, *draws(0.99, 0.0)).numpy()  # two down the rows, two back the columns
  expected = np.zeros_like(x)
  expected[:, :6, 2:] = x[:, 2:, :6]
  np.testing.assert_array_equal(result, expected)
  np.testing.assert_array_equal(diff_augment.translate(X[:1], 0.25, *draws(0.5, 0.5)), x)


def test_a_hole_is_a_square_around_its_middle_and_may_hang_over_the_edge():
  whole = diff_augment.cut_out(tf.ones([1, 8, 8, 1]), 0.5, *draws(0.5, 0.5)).numpy()[0, :, :, 0]
  np.testing.assert_array_equal(np.argwhere(whole == 0)[[0, -1]], [[2, 2], [5, 5]])
  assert (whole == 0).sum() == 16
  corner = diff_augment.cut_out(tf.ones([1, 8, 8, 1]), 0.5, *draws(0.0, 0.0)).numpy()
  assert (corner == 0).sum() == 4


def test_images_draw_their_own_parameters_and_a_seed_gives_them_again():
  augment = diff_augment.DiffAugment()
  same = tf.repeat(X[:1], 6, axis=0)
  first, again = (augment(same, tf.constant([3, 4])) for _ in range(2))
  np.testing.assert_array_equal(first, again)
  assert all(np.abs(first[0] - first[i]).max() > 1e-3 for i in range(1, 6))
  assert np.abs(first - augment(same, tf.constant([3, 5]))).max() > 1e-3


def test_parts_can_be_left_out():
  nothing = diff_augment.DiffAugment(color=False, translation=0, cutout=0)
  np.testing.assert_array_equal(nothing(X, tf.constant([3, 4])), X)


def test_the_gradient_flows_where_pixels_came_from():
  with tf.GradientTape() as tape:
    tape.watch(X)
    result = diff_augment.DiffAugment(color=False)(X, tf.constant([3, 4]))
  gradient = tape.gradient(result, X).numpy()
  assert set(np.unique(gradient)) == {0.0, 1.0}
  np.testing.assert_array_equal(gradient.sum(axis=(1, 2, 3)), (result.numpy() != 0).sum(axis=(1, 2, 3)))
