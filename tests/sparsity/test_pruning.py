"""Pruning once, and pruning little by little."""

import numpy as np
import pytest
import tensorflow as tf

from tf_stugan import errors
from tf_stugan.sparsity import masks
from tf_stugan.sparsity import rankings
from tf_stugan.sparsity import scores
from tf_stugan.sparsity.gradual_pruning import GradualPruning
from tf_stugan.sparsity.one_shot_pruning import OneShotPruning

SEED = tf.constant([1, 2])
NO_RATIO = tf.constant(float('nan'), tf.float64)


def network():
  a = masks.MaskedVariable('a', tf.Variable([5., -4., 3., 2.]), tf.Variable([True] * 4))
  b = masks.MaskedVariable('b', tf.Variable([.4, -.3, .2, .1]), tf.Variable([True] * 4))
  return [a, b]


GRADIENTS = [tf.constant([0., .1, -.1, 0.]), tf.constant([1., 9., 9., 1.])]


def update(method, variables, step=1):
  method.update(variables, GRADIENTS, tf.constant(step, tf.int64), SEED, NO_RATIO)
  return [np.flatnonzero(v.mask).tolist() for v in variables]


def test_magnitude_over_all_layers_or_in_each():
  assert update(OneShotPruning(0.75), network()) == [[0, 1, 2, 3], [0, 1]]
  assert update(OneShotPruning(0.5, across_layers=False), network()) == [[0, 1], [0, 1]]


def test_snip_keeps_the_largest_products_of_weight_and_gradient():
  # |w g|: a 0, 0.4, 0.3, 0; b 0.4, 2.7, 1.8, 0.1.
  assert update(OneShotPruning(0.5, score=scores.saliency), network()) == [[1], [0, 1, 2]]


@pytest.mark.parametrize(('density', 'expected'), [
    (0.5, [[0, 1, 2], [0]]),  # the four largest are all of layer a: b keeps its best in the place of the fourth
    (0.25, [[0], [0]]), (1e-9, [[0], [0]])])
def test_no_layer_is_left_without_a_weight_by_a_ranking_over_all(density, expected):
  assert update(OneShotPruning(density), network()) == expected


def test_no_layer_is_left_without_a_weight_by_a_ranking_of_its_own():
  assert update(OneShotPruning(1e-9, across_layers=False), network()) == [[0], [0]]


def test_grasp_keeps_the_largest_signed_products():
  # w (Hg): a 0, -0.4, -0.3, 0; b 0.4, -2.7, 1.8, 0.1. A large negative one is worth least.
  assert update(OneShotPruning(0.5, score=scores.gradient_flow), network()) == [[0], [0, 2, 3]]


def test_random_pruning_keeps_the_count_whatever_the_weights():
  kept = sum(update(OneShotPruning(0.5, score=scores.random), network()), [])
  assert len(kept) == 4 and kept != [0, 1, 2, 3]


def test_one_shot_pruning_is_dense_up_to_its_step():
  method = OneShotPruning(0.5, prune_step=3)
  assert [method.is_update_step(step) for step in range(5)] == [False, False, False, True, False]
  assert method.expected_densities({'a': (4,)}, 2) == {'a': 1.0}
  assert method.expected_densities({'a': (4,)}, 3) == {'a': 0.5}
  variables = network()
  variables[0].mask.assign([False] * 4)
  method.initialize(variables, SEED)
  assert all(tf.reduce_all(v.mask) for v in variables)


def test_pruning_in_rounds_comes_to_its_density_by_equal_factors():
  method, variables = OneShotPruning(0.25, rounds=4), network()  # 8 weights: 8 * 4^(-1/4) = 5.66, 4, 2.83, 2
  assert [sum(map(len, update(method, variables, step=0))) for _ in range(5)] == [6, 4, 3, 2, 2]


@pytest.mark.parametrize('kwargs', [{'ranking': rankings.hessian_gradient}, {'rounds': 2}])
def test_what_is_for_pruning_before_training_is_refused_later(kwargs):
  with pytest.raises(errors.UserError, match='before training'):
    OneShotPruning(0.5, prune_step=1, **kwargs)


def test_gradual_pruning_follows_the_cubic():
  # From 10 % to 80 % of 1000 steps; sparsity = 0.9 (1 - (1 - x)^3), x = (step - 100) / 700.
  method = GradualPruning(0.1, 1000, update_interval=175)
  assert [s for s in range(1001) if method.is_update_step(s)] == [100, 275, 450, 625, 800]
  densities = [method.expected_densities({'a': (4,)}, s)['a'] for s in (99, 100, 275, 450, 625, 800, 1000)]
  cubic = [1 - 0.9 * (1 - (1 - x)**3) for x in (0, 0.25, 0.5, 0.75)]
  np.testing.assert_allclose(densities, [1, *cubic, 0.1, 0.1], atol=1e-6)


def test_gradual_pruning_removes_what_is_smallest_and_brings_nothing_back():
  method, variables = GradualPruning(0.25, 10, update_interval=2, begin=0.1, end=0.9), network()
  assert update(method, variables, step=1) == [[0, 1, 2, 3], [0, 1, 2, 3]]
  # x = 4 / 8: density 1 - 0.75 (1 - 0.125) = 0.34375, of 8 weights 2.75, that is 3.
  # One of them is what layer b keeps.
  assert update(method, variables, step=5) == [[0, 1], [0]]
  variables[0].weight.assign([5., 0., 3., 9.])  # a pruned weight that would be large now stays pruned
  assert update(method, variables, step=9) == [[0], [0]]


@pytest.mark.parametrize('kwargs', [
    {'total_steps': 20, 'begin': 0.1, 'end': 0.12}, {'total_steps': 2, 'begin': 0.9, 'end': 1},
    {'total_steps': 2, 'begin': 0, 'end': 0.1}])
def test_a_short_gradual_pruning_has_two_steps_at_least_and_ends_within_the_run(kwargs):
  method = GradualPruning(0.1, **kwargs)
  assert method.begin_step < method.end_step <= kwargs['total_steps']
  densities = [method.expected_densities({'a': (4,)}, step)['a'] for step in range(kwargs['total_steps'] + 1)]
  assert densities == sorted(densities, reverse=True) and densities[-1] == pytest.approx(0.1)


def test_its_end_is_always_an_update():
  method = GradualPruning(0.1, 1000, update_interval=300)
  assert [s for s in range(1001) if method.is_update_step(s)] == [100, 400, 700, 800]


@pytest.mark.parametrize('kwargs', [{'begin': 0.8, 'end': 0.1}, {'end': 1.5}])
def test_a_window_outside_the_run_is_refused(kwargs):
  with pytest.raises(errors.UserError, match='GradualPruning needs'):
    GradualPruning(0.1, 1000, **kwargs)
