import numpy as np
import pytest
import tensorflow as tf

from tf_stugan.compat import keras
from tf_stugan.layers import normalization
from tf_stugan.layers.embedding import Embedding
from tf_stugan.training import strategies

X = 3 + 2 * tf.random.stateless_normal([8, 4, 4, 3], [1, 2])


def normalized(x):
  x = np.asarray(x, np.float64)
  return (x - x.mean(axis=(0, 1, 2))) / np.sqrt(x.var(axis=(0, 1, 2)) + 1e-5)


@pytest.fixture
def layer():
  result = normalization.BatchNorm('norm', gamma_stddev=0.5)
  result.build(X.shape)
  return result


def state(layer_):
  return [v.numpy() for v in layer_.variables]


def test_batch_statistics_normalize_as_training_does_and_change_nothing(layer):
  before = state(layer)
  with normalization.batch_statistics() as seen:
    result = layer(X, training=False)
  np.testing.assert_allclose(result, normalized(X) * layer.gamma.numpy(), atol=1e-5)
  np.testing.assert_allclose(layer(X, training=True), result, atol=1e-5)
  assert [m.layer for m in seen] == [layer]
  for old, new in zip(before[:2], state(layer)[:2], strict=True):
    np.testing.assert_array_equal(old, new)


def test_outside_of_it_running_statistics_are_used(layer):
  with normalization.batch_statistics():
    layer(X, training=False)
  np.testing.assert_allclose(layer(X, training=False), X * layer.gamma / np.sqrt(1 + 1e-5), atol=1e-5)


def test_standing_statistics_are_means_over_batches(layer):
  halves = [X[:4], X[4:]]
  normalization.set_standing_statistics(lambda i: layer(halves[i], training=False), 2)
  moments = [tf.nn.moments(h, [0, 1, 2]) for h in halves]
  np.testing.assert_allclose(layer.moving_mean, sum(m for m, _ in moments) / 2, rtol=1e-5)
  np.testing.assert_allclose(layer.moving_variance, sum(v for _, v in moments) / 2, rtol=1e-5)


def test_two_replicas_keep_the_running_statistics_of_one_device(layer):
  layer(X, training=True)
  strategy = strategies.make('mirrored')
  with strategy.scope():
    shared = normalization.BatchNorm('norm')
    shared.build(X.shape)
  halves = strategy.experimental_distribute_values_from_function(
      lambda context: tf.split(X, 2)[context.replica_id_in_sync_group])
  tf.function(lambda x: strategy.run(shared, [x], {'training': True}))(halves)
  np.testing.assert_allclose(shared.moving_mean, layer.moving_mean, rtol=1e-6)
  np.testing.assert_allclose(shared.moving_variance, layer.moving_variance, rtol=1e-6)


def test_conditional_batch_norm_is_its_formula():
  layer = normalization.ConditionalBatchNorm(
      lambda units, name: Embedding(5, units, 'glorot_uniform', name=name), 'norm')
  labels = tf.constant([0, 1, 2, 3, 4, 0, 1, 2])
  result = layer(X, labels, training=True)
  gain, bias = (v.numpy()[labels.numpy()][:, None, None] for v in (layer.gain.table, layer.bias.table))
  np.testing.assert_allclose(result, normalized(X) * (1 + gain) + bias, atol=1e-5)
  assert abs(gain).max() > 0.1
  assert [v.shape.as_list() for v in layer.trainable_variables] == [[5, 3], [5, 3]]  # no gamma, no beta


@pytest.mark.parametrize('affine', [True, False])
def test_instance_norm_is_its_formula_and_keras_own(affine):
  layer = normalization.InstanceNorm('norm', affine=affine)
  layer.build(X.shape)
  keras_layer = keras.layers.GroupNormalization(groups=3, epsilon=1e-5, center=affine, scale=affine)
  keras_layer.build(X.shape)
  for i, (own, other) in enumerate(zip(layer.trainable_variables, keras_layer.trainable_variables, strict=True)):
    own.assign(own + tf.random.stateless_normal([3], [5, i]))
    other.assign(own)
  x = np.asarray(X, np.float64)
  expected = (x - x.mean(axis=(1, 2), keepdims=True)) / np.sqrt(x.var(axis=(1, 2), keepdims=True) + 1e-5)
  if affine:
    expected = expected * layer.gamma.numpy() + layer.beta.numpy()
  np.testing.assert_allclose(layer(X), expected, atol=1e-5)
  np.testing.assert_allclose(layer(X), keras_layer(X), atol=1e-5)
  assert [v.shape.as_list() for v in layer.variables] == [[3], [3]] * affine


def test_instance_norm_far_from_zero_keeps_what_it_is_about():
  """Where the mean is a thousand deviations, a difference of squares in float32 would be wrong in the first digit."""
  x = X + 2000
  layer = normalization.InstanceNorm('norm')
  wide = np.asarray(x, np.float64)
  expected = (wide - wide.mean(axis=(1, 2), keepdims=True)) / np.sqrt(wide.var(axis=(1, 2), keepdims=True) + 1e-5)
  np.testing.assert_allclose(layer(x), expected, atol=1e-3)
