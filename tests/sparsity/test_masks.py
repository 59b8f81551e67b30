import numpy as np
import pytest
import tensorflow as tf

from tf_stugan.sparsity import masks


def test_top_k_mask_by_hand():
  score = tf.constant([[3., 1.], [2., 5.]])
  assert masks.top_k_mask(score, 2).numpy().tolist() == [[True, False], [False, True]]


@pytest.mark.parametrize('k', [0, 1, 3, 6])
def test_ties_are_broken_by_index_and_the_count_is_exact(k):
  mask = masks.top_k_mask(tf.constant([7., 7., 7., 7., 7., 7.]), tf.constant(k)).numpy()
  assert mask.tolist() == [True] * k + [False] * (6 - k)


def test_each_of_several_tensors_has_its_own_k():
  draws = np.random.default_rng(1)
  scores = [draws.normal(size=shape).astype(np.float32) for shape in ([7], [3, 3, 8, 5], [40, 11])]
  counts = [0, 100, 439]
  for score, k, mask in zip(scores, counts, masks.top_k_masks([tf.constant(s) for s in scores], counts), strict=True):
    expected = np.zeros(score.size, bool)
    expected[np.argsort(-score.ravel(), kind='stable')[:k]] = True
    np.testing.assert_array_equal(mask, expected.reshape(score.shape))


def test_top_k_mask_has_static_shapes_under_a_compiler():
  compiled = tf.function(masks.top_k_mask, jit_compile=True)
  score = tf.random.stateless_uniform([3, 3, 8, 8], [1, 2])
  np.testing.assert_array_equal(compiled(score, tf.constant(100)), masks.top_k_mask(score, 100))


def test_exact_masks_have_exactly_the_rounded_count():
  assert int(masks.nonzeros(masks.exact_mask([3, 3, 5, 7], 0.1, tf.constant([1, 2])))) == round(0.1 * 315)


def test_bernoulli_masks_have_about_the_count_and_depend_on_the_seed():
  first, again, other = (masks.bernoulli_mask([100, 100], 0.1, tf.constant([s, 0])) for s in (1, 1, 2))
  np.testing.assert_array_equal(first, again)
  assert (first != other).numpy().any()
  assert int(masks.nonzeros(first)) == pytest.approx(1000, abs=4 * 30)  # 4 standard deviations


def test_masked_gives_exact_zeros_even_for_nan():
  result = masks.masked(tf.constant([1., np.nan, -2.]), tf.constant([True, False, False]))
  assert result.numpy().tolist() == [1., 0., 0.]


def test_density_is_over_all_variables_together():
  variables = [masks.MaskedVariable(n, tf.Variable(tf.ones([s])), tf.Variable(tf.range(s) < k))
               for n, s, k in (('a', 10, 1), ('b', 30, 9))]
  assert float(masks.density(variables)) == pytest.approx(10 / 40)
  masks.apply_masks(variables)
  assert variables[1].weight.numpy().tolist() == [1.] * 9 + [0.] * 21
