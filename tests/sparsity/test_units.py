import functools

import numpy as np
import pytest
import tensorflow as tf

from tf_stugan import errors
from tf_stugan.sparsity import distributions
from tf_stugan.sparsity import dynamic_sparse
from tf_stugan.sparsity import masks
from tf_stugan.sparsity import n_of_m
from tf_stugan.sparsity import schedules
from tf_stugan.sparsity import static_sparse
from tf_stugan.sparsity import units

SEED = tf.constant([1, 2])
PAIRS = functools.partial(units.output_blocks, size=2)
KINDS = {'channels': units.whole_channels, 'pairs': PAIRS}


def network():
  shapes = {'first': [3, 3, 3, 16], 'body': [3, 3, 16, 16], 'dense': [16, 8], 'image': [3, 3, 8, 3]}
  return [masks.MaskedVariable(n, tf.Variable(tf.random.stateless_normal(s, SEED)), tf.Variable(tf.ones(s, tf.bool)))
          for n, s in shapes.items()]


def of_units(mask, kind):
  """Marks what is kept, a row a unit: [units, weights of a unit]."""
  mask = np.asarray(mask)
  return mask.reshape(-1, mask.shape[-1]).T if kind == 'channels' else mask.reshape(-1, 2)


def sparse(method, kind, *args, **kwargs):
  chosen = KINDS[kind]
  return method(0.5, *args, distribution=functools.partial(units.distribution, units=chosen),
                sample_mask=functools.partial(units.sample_mask, units=chosen), **kwargs)


@pytest.mark.parametrize('kind', KINDS)
def test_a_static_mask_keeps_whole_units_and_leaves_images_dense(kind):
  variables = network()
  method = sparse(static_sparse.StaticSparse, kind)
  method.initialize(variables, SEED)
  expected = method.expected_densities({v.name: tuple(v.weight.shape) for v in variables}, 0)
  for v in variables:
    kept = of_units(v.mask, kind) if v.name != 'image' else v.mask.numpy()
    assert (kept.all(axis=-1) == kept.any(axis=-1)).all()
    assert v.mask.numpy().mean() == pytest.approx(expected[v.name], abs=1e-6)
  assert expected['image'] == 1 and expected['body'] < 0.6


@pytest.mark.parametrize('regrow_dropped', [True, False])
@pytest.mark.parametrize('kind', KINDS)
def test_updates_drop_the_units_of_least_weight_and_grow_those_of_most_gradient(kind, regrow_dropped):
  variables = network()
  schedule = schedules.UpdateSchedule(100, 1, decay=schedules.constant, initial_fraction=0.25)
  method = sparse(dynamic_sparse.DynamicSparse, kind, schedule, units=KINDS[kind], regrow_dropped=regrow_dropped)
  method.initialize(variables, SEED)
  masks.apply_masks(variables)
  before = [v.mask.numpy() for v in variables]
  gradients = [tf.random.stateless_normal(v.mask.shape, [3, 4]) for v in variables]
  tf.function(lambda: method.update(variables, gradients, tf.constant(1), SEED))()
  assert variables[3].mask.numpy().all()
  for v, old, gradient in list(zip(variables, before, gradients, strict=True))[:3]:
    was, kept = of_units(old, kind)[:, 0], of_units(v.mask, kind)
    assert (kept.all(axis=1) == kept.any(axis=1)).all() and kept[:, 0].sum() == was.sum()
    weight, slope = (of_units(abs(np.asarray(x)), kind).mean(axis=1) for x in (v.weight, gradient))
    moved = int(np.ceil(0.25 * was.sum()))
    moved = moved if regrow_dropped else min(moved, (~was).sum())
    stays = was & (weight >= np.sort(weight[was])[moved])
    may_grow = ~stays if regrow_dropped else ~was
    grown = np.flatnonzero(may_grow)[np.argsort(-slope[may_grow])[:moved]]
    assert set(np.flatnonzero(kept[:, 0])) == {*np.flatnonzero(stays), *grown}


def test_densities_are_those_of_whole_channels():
  shapes = {'a': (3, 3, 16, 16), 'b': (3, 3, 16, 3)}
  assert units.distribution(shapes, 0.3, among=distributions.uniform) == {'a': 5 / 16, 'b': 1.0}
  assert units.distribution(shapes, 0.01, among=distributions.uniform)['a'] == 1 / 16
  assert units.sample_mask((3, 3, 16, 16), 0.01, SEED).numpy().sum() == 144


@pytest.mark.parametrize('kwargs', [{'across_layers': True}, {'grow_mask': n_of_m.grow_mask}])
def test_what_does_not_go_with_units_is_refused(kwargs):
  with pytest.raises(errors.UserError, match='layer by layer'):
    dynamic_sparse.DynamicSparse(0.5, schedules.UpdateSchedule(100, 1), units=units.whole_channels, **kwargs)


def test_a_block_of_one_is_refused():
  with pytest.raises(errors.UserError, match='size'):
    units.output_blocks((3, 3, 16, 16), 1)
