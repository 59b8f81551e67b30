import pytest
import tensorflow as tf

from tf_stugan import errors
from tf_stugan.sparsity import distributions
from tf_stugan.sparsity import masks
from tf_stugan.sparsity.static_sparse import StaticSparse


def variables(*shapes):
  return [masks.MaskedVariable(f'v{i}', tf.Variable(tf.ones(s)), tf.Variable(tf.ones(s, tf.bool)))
          for i, s in enumerate(shapes)]


def test_every_layer_keeps_its_share_to_within_half_a_weight():
  made = variables([3, 3, 8, 8], [1, 1, 8, 8], [3, 3, 8, 3])
  StaticSparse(0.2).initialize(made, tf.constant([1, 2]))
  expected = distributions.erk({v.name: tuple(v.weight.shape) for v in made}, 0.2)
  for v in made:
    size = v.mask.shape.num_elements()
    assert abs(int(masks.nonzeros(v.mask)) - expected[v.name] * size) <= 0.5


def test_layers_of_one_shape_get_different_masks():
  made = variables([3, 3, 8, 8], [3, 3, 8, 8])
  StaticSparse(0.3).initialize(made, tf.constant([1, 2]))
  assert tf.reduce_any(made[0].mask != made[1].mask)


def test_it_never_updates():
  assert not any(StaticSparse(0.5).is_update_step(step) for step in range(10))


def test_a_layer_without_a_weight_is_refused_by_name():
  with pytest.raises(errors.UserError, match='v1 .* without a weight'):
    StaticSparse(0.001, distributions.uniform).initialize(variables([100, 100], [2, 2]), tf.constant([1, 2]))
