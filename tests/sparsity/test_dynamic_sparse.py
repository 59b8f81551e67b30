"""Hand-worked drops and regrowths."""

import numpy as np
import pytest
import tensorflow as tf

from tf_stugan.sparsity import masks
from tf_stugan.sparsity import rewiring
from tf_stugan.sparsity import schedules
from tf_stugan.sparsity import scores
from tf_stugan.sparsity.dynamic_sparse import DynamicSparse

SEED = tf.constant([1, 2])
NO_RATIO = tf.constant(float('nan'), tf.float64)
#              0     1     2     3    4    5    6    7
WEIGHT = [-4.0, 1.00, 0.10, -3.0, 0.0, 0.0, 0.0, 0.0]
GRADIENT = [9.0, 0.00, 8.00, 0.00, 1.0, -7.0, 2.0, 0.5]
MASK = [True, True, True, True, False, False, False, False]


def variable(name, weight, mask):
  return masks.MaskedVariable(name, tf.Variable(weight), tf.Variable(mask))


def method(**kwargs):
  schedule = schedules.UpdateSchedule(
      100, 1, initial_fraction=kwargs.pop('fraction', 0.5), decay=schedules.constant)
  return DynamicSparse(0.5, schedule, **kwargs)


def update(method_, variables, gradients):
  grown = method_.update(variables, [tf.constant(g) for g in gradients], tf.constant(1, tf.int64), SEED, NO_RATIO)
  return [np.flatnonzero(v.mask).tolist() for v in variables], [np.flatnonzero(g).tolist() for g in grown]


def test_stugan_drops_by_magnitude_and_regrows_by_gradient_what_was_just_dropped_included():
  # Half of 4: weights 2 (0.1) and 1 (1.0) go. Largest |gradient| among 1, 2, 4, 5, 6, 7: 2 (8.0) and 5 (7.0).
  v = variable('a', WEIGHT, MASK)
  active, grown = update(method(), [v], [GRADIENT])
  assert active == [[0, 2, 3, 5]]
  assert grown == [[5]]  # 2 was dropped and regrown at once: not new, and
  masks.apply_masks([v])
  np.testing.assert_allclose(v.weight, [-4, 0, 0.1, -3, 0, 0, 0, 0])  # it keeps its value


def test_rigl_does_not_regrow_what_was_just_dropped():
  active, grown = update(method(regrow_dropped=False), [variable('a', WEIGHT, MASK)], [GRADIENT])
  assert active == [[0, 3, 5, 6]]
  assert grown == [[5, 6]]


def test_without_room_nothing_moves_when_dropped_weights_may_not_return():
  v = variable('a', WEIGHT, [True] * 8)
  assert update(method(regrow_dropped=False), [v], [GRADIENT]) == ([list(range(8))], [[]])
  assert update(method(), [v], [GRADIENT]) == ([list(range(8))], [[]])


def test_the_number_of_dropped_weights_is_rounded_up():
  # ceil(0.3 * 4) = 2, as with a fraction of one half.
  assert update(method(fraction=0.3), [variable('a', WEIGHT, MASK)], [GRADIENT])[0] == [[0, 2, 3, 5]]


def test_across_layers_one_ranking_moves_weights_from_layer_to_layer():
  # Active: a 0 (5.0), a 1 (4.0), b 0 (0.3), b 1 (0.2), b 2 (0.1): the last two go. Gradients: a 2 (3.0) and a 3 (2.0) lead.
  a = variable('a', [5., 4., 0., 0.], [True, True, False, False])
  b = variable('b', [.3, .2, .1], [True, True, True])
  active, grown = update(method(across_layers=True, fraction=0.4), [a, b], [[0., 0., 3., 2.], [0., 1., 1.]])
  assert active == [[0, 1, 2, 3], [0]]
  assert grown == [[2, 3], []]


@pytest.mark.parametrize('gradient, expected', [([0., 1., 1.], [[0, 2, 3], [1]]), ([0., 1., 9.], [[0, 2], [1, 2]])])
def test_a_ranking_across_layers_leaves_each_its_best_and_the_count(gradient, expected):
  # Both weights of b are the smallest: 0 goes, and in the place of 1 that of a, 1. What grows has the largest gradients.
  a = variable('a', [5., 4., 0., 0.], [True, True, False, False])
  b = variable('b', [.1, .2, 0.], [True, True, False])
  active, _ = update(method(across_layers=True), [a, b], [[0., 0., 3., 2.], gradient])
  assert active == expected


def test_a_layer_of_one_weight_moves_it():
  active, _ = update(method(), [variable('a', [1., 0., 0.], [True, False, False])], [[0., 1., 2.]])
  assert active == [[2]]


def test_counts_are_those_of_exact_arithmetic():
  """In float32 0.1 is 0.100000001, and 0.3 of the weights of a discriminator of STL-10 are one more."""
  assert int(rewiring.budget(0.3, 19_536_768)) == 5_861_030
  assert int(rewiring.truncated_share(0.7, tf.constant(1000))) == 700
  assert int(rewiring.share(0.1, tf.constant(1000))) == 100


def test_adapt_truncates_where_stugan_rounds_up():
  # 0.3 * 4 = 1.2: one weight goes (2, of 0.1) and returns, its gradient being the largest of the inactive ones.
  down = method(fraction=0.3, share=rewiring.truncated_share)
  assert update(down, [variable('a', WEIGHT, MASK)], [[9., 0., 1., 0., 1., -7., 2., 0.5]])[0] == [[0, 1, 3, 5]]


def test_growth_by_momentum_ranks_by_what_all_steps_saw():
  # The last gradient points to 6; the mean of three steps, 0.5 * (0.5 * 8 + 0) + 0.5 * 3 = 3.5 at 4, is larger there.
  v = variable('a', [3., 2., 1., 0., 0., 0., 0., 0.], [True] * 3 + [False] * 5)
  momentum = method(fraction=0.3, momentum=0.5, regrow_dropped=False)
  momentum.initialize([v], SEED)
  v.mask.assign([True] * 3 + [False] * 5)
  last = [0., 0., 0., 0., 3., 0., 3.1, 0.]
  for gradient in ([0., 0., 0., 0., 16., 0., 0., 0.], [0.] * 8, last):
    momentum.observe([tf.constant(gradient)])
  assert update(momentum, [v], [last]) == ([[0, 1, 4]], [[4]])


def test_within_layers_each_keeps_its_count():
  a = variable('a', [5., 4., 0., 0.], [True, True, False, False])
  b = variable('b', [.2, .1, 0.], [True, True, False])
  active, _ = update(method(), [a, b], [[0., 0., 3., 2.], [0., 1., 1.5]])
  assert active == [[0, 2], [0, 2]]


def test_random_growth_depends_on_the_seed_only():
  def grow(seed):
    v = variable('a', np.arange(64, dtype=np.float32), np.arange(64) >= 32)
    method(grow_score=scores.random).update([v], [tf.zeros([64])], tf.constant(1), tf.constant(seed), NO_RATIO)
    return v.mask.numpy()
  np.testing.assert_array_equal(grow([1, 1]), grow([1, 1]))
  assert (grow([1, 1]) != grow([1, 2])).any()
  assert grow([1, 1]).sum() == 32


@pytest.mark.parametrize('fraction', [0.0, 0.25, 1.0])
def test_counts_never_change(fraction):
  mask = masks.exact_mask([3, 3, 4, 5], 0.2, SEED)
  score = tf.random.stateless_uniform([2, 3, 3, 4, 5], SEED)
  moved = rewiring.share(tf.constant(fraction), masks.nonzeros(mask))
  new, = rewiring.drop_and_grow([mask], [score[0]], [score[1]], [moved], [moved])
  assert int(masks.nonzeros(new)) == int(masks.nonzeros(mask))


def test_an_update_compiles():
  v = variable('a', WEIGHT, MASK)
  compiled = tf.function(lambda g: method().update([v], [g], tf.constant(1), SEED, NO_RATIO), jit_compile=True)
  compiled(tf.constant(GRADIENT))
  assert np.flatnonzero(v.mask).tolist() == [0, 2, 3, 5]
