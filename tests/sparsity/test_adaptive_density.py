"""The decision table of ADAPT, by hand."""

import numpy as np
import pytest
import tensorflow as tf

from tf_stugan import errors
from tf_stugan.sparsity import masks
from tf_stugan.sparsity import schedules
from tf_stugan.sparsity.adaptive_density import AdaptiveDensity

SEED = tf.constant([1, 2])
NAN, INF = float('nan'), float('inf')


def method(density=0.5, **kwargs):
  schedule = schedules.UpdateSchedule(100, 1, initial_fraction=0.5, decay=schedules.constant)
  return AdaptiveDensity(density, schedule, **{'increment': 0.2, **kwargs})


def network():
  """Ten weights in two layers, five of them active."""
  a = masks.MaskedVariable('a', tf.Variable([5., 4., 0., 0.]), tf.Variable([True, True, False, False]))
  b = masks.MaskedVariable('b', tf.Variable([.3, .2, .1, 0., 0., 0.]), tf.Variable([True] * 3 + [False] * 3))
  return [a, b]


GRADIENTS = [tf.constant([0., 0., 3., 2.]), tf.constant([9., 9., 9., 1., -4., 0.])]


def update(method_, variables, ratio):
  method_.update(variables, GRADIENTS, tf.constant(1, tf.int64), SEED, tf.constant(ratio, tf.float64))
  return [np.flatnonzero(v.mask).tolist() for v in variables]


@pytest.mark.parametrize(('ratio', 'expected'), [
    (0.56, 0.7), (0.55, 0.7),  # at and above the upper bound: up
    (0.549, 0.5), (0.451, 0.5), (NAN, 0.5),  # between, and unknown: nothing
    (0.45, 0.3), (-3.0, 0.3),  # at and below the lower bound: down
    (INF, 0.7), (-INF, 0.3),
])
def test_the_next_density(ratio, expected):
  result = method().next_density(tf.constant(0.5, tf.float64), tf.constant(ratio, tf.float64))
  assert float(result) == pytest.approx(expected)


@pytest.mark.parametrize(('density', 'ratio', 'expected'), [
    (0.9, 1.0, 1.0), (1.0, 1.0, 1.0), (0.1, 0.0, 0.05), (0.05, 0.0, 0.05)])
def test_the_density_stays_between_floor_and_cap(density, ratio, expected):
  result = method().next_density(tf.constant(density, tf.float64), tf.constant(ratio, tf.float64))
  assert float(result) == pytest.approx(expected)


def test_a_density_beyond_the_cap_is_not_lowered_by_growing():
  result = method(density=0.8, cap=0.5).next_density(tf.constant(0.8, tf.float64), tf.constant(1.0, tf.float64))
  assert float(result) == pytest.approx(0.8)


def test_growth_adds_the_largest_gradients_of_all_layers_and_drops_nothing():
  # 0.7 * 10 - 5 = 2 more: b 4 (4.0) and a 2 (3.0).
  assert update(method(), network(), 1.0) == [[0, 1, 2], [0, 1, 2, 4]]


def test_shrinking_drops_the_smallest_weights_of_all_layers_and_grows_nothing():
  # 5 - 0.3 * 10 = 2 fewer: b 2 (0.1) and b 1 (0.2).
  assert update(method(), network(), 0.0) == [[0, 1], [0]]


def test_nothing_happens_between_the_bounds_or_without_a_ratio():
  for ratio in (0.5, NAN):
    assert update(method(), network(), ratio) == [[0, 1], [0, 1, 2]]


def test_at_the_cap_weights_are_exchanged():
  # ceil(0.5 * 5) = 3 go: b 2, b 1 and a 1, since b keeps its best, b 0; of what is inactive then b 2, b 1 (9.0) and b 4
  # (4.0) have the largest gradients.
  assert update(method(cap=0.5), network(), 1.0) == [[0], [0, 1, 2, 4]]
  # Where they may not return: b 4 (4.0), a 2 (3.0), a 3 (2.0).
  assert update(method(cap=0.5, regrow_dropped=False), network(), 1.0) == [[0, 2, 3], [0, 4]]


def test_at_a_cap_of_one_nothing_is_lost_where_dropped_weights_may_not_return():
  adapt, variables = method(density=0.9, regrow_dropped=False), network()
  for v in variables:
    v.mask.assign(tf.ones_like(v.mask))
  for _ in range(3):
    assert sum(map(len, update(adapt, variables, 1.0))) == 10


def test_the_density_is_remembered_between_updates():
  adapt, variables = method(), network()
  for ratio, count in ((1.0, 7), (1.0, 9), (0.0, 7), (NAN, 7), (0.0, 5)):
    update(adapt, variables, ratio)
    assert sum(int(masks.nonzeros(v.mask)) for v in variables) == count


def test_the_first_adjustment_corrects_a_random_count():
  # Bernoulli masks miss their density; 4 of 10 where 5 were meant. Growing to 0.7 adds three.
  variables = network()
  variables[1].mask.assign([True, True, False, False, False, False])
  assert sum(map(len, update(method(), variables, 1.0))) == 7


@pytest.mark.parametrize('kwargs', [{'floor': 0.6, 'cap': 0.5}, {'cap': 1.5}, {'lower_bound': 0.6}, {'increment': -0.5}])
def test_bounds_that_contradict_each_other_are_refused(kwargs):
  with pytest.raises(errors.UserError, match='AdaptiveDensity needs'):
    method(**kwargs)
