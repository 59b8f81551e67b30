import functools

import numpy as np
import pytest
import tensorflow as tf

from tf_stugan import errors
from tf_stugan.sparsity import dynamic_sparse
from tf_stugan.sparsity import masks
from tf_stugan.sparsity import n_of_m
from tf_stugan.sparsity import schedules
from tf_stugan.sparsity import static_sparse

SEED = tf.constant([1, 2])


def group_counts(mask, m):
  """How many weights each group along the input channels keeps."""
  *front, c_in, c_out = mask.shape
  return np.asarray(mask).reshape(-1, c_in // m, m, c_out).sum(axis=2)


def network():
  shapes = {'first': [3, 3, 3, 8], 'body': [3, 3, 8, 8], 'dense': [16, 4]}
  return [masks.MaskedVariable(n, tf.Variable(tf.random.stateless_normal(s, SEED)), tf.Variable(tf.ones(s, tf.bool)))
          for n, s in shapes.items()]


def test_the_largest_of_every_group():
  score = tf.constant([[1., 8.], [4., 7.], [3., 6.], [2., 5.]])  # [4 inputs, 2 outputs]
  assert np.argwhere(n_of_m.top_n_of_m(score, 2, 4).numpy()).tolist() == [[0, 1], [1, 0], [1, 1], [2, 0]]


def test_a_static_mask_keeps_n_of_every_m_and_leaves_other_layers_dense():
  variables = network()
  static_sparse.StaticSparse(0.5, n_of_m.distribution, n_of_m.sample_mask).initialize(variables, SEED)
  first, body, dense = (v.mask for v in variables)
  assert tf.reduce_all(first)
  assert (group_counts(body, 4) == 2).all() and (group_counts(dense, 4) == 2).all()
  assert 0.3 < body.numpy()[0, 0, 0].mean() < 0.7  # any of the four may be chosen


@pytest.mark.parametrize('regrow_dropped', [True, False])
def test_dynamic_updates_keep_the_pattern_and_move_weights(regrow_dropped):
  schedule = schedules.UpdateSchedule(100, 1, decay=schedules.constant)
  method = dynamic_sparse.DynamicSparse(
      0.5, schedule, n_of_m.distribution, n_of_m.sample_mask, grow_mask=n_of_m.grow_mask, regrow_dropped=regrow_dropped)
  variables = network()
  method.initialize(variables, SEED)
  masks.apply_masks(variables)
  before = [v.mask.numpy() for v in variables]
  gradients = [tf.random.stateless_normal(v.mask.shape, [3, 4]) for v in variables]
  tf.function(lambda: method.update(variables, gradients, tf.constant(1), SEED, tf.constant(np.nan)))()
  assert tf.reduce_all(variables[0].mask)
  for v, old in zip(variables[1:], before[1:], strict=True):
    assert (group_counts(v.mask, 4) == 2).all()
    assert (v.mask.numpy() != old).any()


def test_other_patterns():
  density, m = 0.25, 8
  assert n_of_m.distribution({'a': (3, 3, 16, 4), 'b': (3, 3, 4, 4)}, density, m) == {'a': 0.25, 'b': 1.0}
  mask = n_of_m.sample_mask([3, 3, 16, 4], density, SEED, m)
  assert (group_counts(mask, m) == 2).all()


def test_densities_that_are_no_pattern_are_refused():
  with pytest.raises(errors.UserError, match='Density 0.3 is not N:4 .* 0.25, 0.5, 0.75'):
    n_of_m.distribution({'a': (8, 8)}, 0.3)


def test_a_ranking_across_layers_is_refused():
  grow = functools.partial(n_of_m.grow_mask, m=4)
  with pytest.raises(errors.UserError, match='layer by layer'):
    grow([tf.zeros([16])], [tf.constant(2)], [tf.zeros([16], tf.bool)])
