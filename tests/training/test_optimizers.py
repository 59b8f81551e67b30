"""Scales take proximal steps; everything else is Adam's."""

import numpy as np
import pytest
import tensorflow as tf
from tf_keras.src.optimizers import optimizer as keras_optimizer

from tests import tiny
from tf_stugan.compat import keras
from tf_stugan.gans import distances
from tf_stugan.layers import scales
from tf_stugan.training import strategies
from tf_stugan.training.optimizers import Adam
from tf_stugan.training.optimizers import ProximalAdam


def step(optimizer, variables, gradients):
  optimizer.build(variables)
  optimizer.apply_gradients(zip(map(tf.constant, gradients), variables, strict=True))
  return [v.numpy() for v in variables]


def test_scales_take_a_step_of_momentum_and_are_brought_nearer_to_zero():
  gamma = tf.Variable([1.0, -0.5, 0.003, -0.003], name='generator/norm/gamma')
  optimizer = ProximalAdam(Adam(), 0.05, scale_learning_rate=0.1, scale_momentum=0.5)
  first = [0.2, -0.4, 0.0, 0.0]
  np.testing.assert_allclose(step(optimizer, [gamma], [first])[0], [0.975, -0.455, 0, 0], atol=1e-7)
  # 0.5 * -0.02 - 0.1 * 0.2 = -0.03; the third is dead as long as |gradient| is at most rho.
  np.testing.assert_allclose(step(optimizer, [gamma], [[0.2, 0, 0.05, 0.06]])[0], [0.94, -0.43, 0, -0.001], atol=1e-7)


def test_other_variables_take_the_steps_of_adam():
  gradients = [[0.2, -0.4]]
  ours, theirs = (tf.Variable([1.0, -0.5], name='generator/norm/beta') for _ in range(2))
  assert step(ProximalAdam(Adam(0.1), 0.05), [ours], gradients)[0] == pytest.approx(
      step(keras.optimizers.Adam(0.1, epsilon=1e-8), [theirs], gradients)[0], rel=1e-5)


@pytest.mark.parametrize('rate', [0.1, keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)])
@pytest.mark.parametrize('beta_1', [0.0, 0.9])
def test_the_fused_update_is_that_of_keras(rate, beta_1):
  draws = np.random.default_rng(1)
  start = draws.normal(size=[40, 30]).astype(np.float32)
  results = []
  for make in (Adam, keras.optimizers.Adam):
    optimizer, variables = make(rate, beta_1, 0.99, epsilon=1e-3), [tf.Variable(start), tf.Variable(start[0])]
    run = tf.function(lambda a, b, optimizer=optimizer, variables=variables: optimizer.apply_gradients([
        (a, variables[0]), (b, variables[1])]), autograph=False)
    optimizer.build(variables)
    draws = np.random.default_rng(2)
    for _ in range(20):
      run(tf.constant(draws.normal(size=[40, 30]), tf.float32), tf.constant(draws.normal(size=[30]), tf.float32))
    results.append([v.numpy() for v in optimizer.variables + variables])
  for ours, theirs in zip(*results, strict=True):
    np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=1e-6)
  assert np.abs(results[0][-1] - start[0]).mean() > 0.01


def test_two_graphs_may_have_one_optimizer_where_there_is_a_gpu(monkeypatch):
  """Keras compiles updates there in a graph of their own, which knows nothing of the step's."""
  monkeypatch.setattr(keras_optimizer.tf.config, 'list_physical_devices', lambda kind=None: ['/physical_device:GPU:0'])
  assert keras.optimizers.Adam().jit_compile
  optimizer, variable = Adam(0.1), tf.Variable([1.0])
  optimizer.build([variable])
  for _ in range(2):
    tf.function(lambda: optimizer.apply_gradients([(tf.ones([1]), variable)]), autograph=False)()
  assert int(optimizer.iterations) == 2 and float(variable[0]) == pytest.approx(0.8, abs=1e-4)


def test_scales_of_classes_go_together():
  """1 + gain is what multiplies: a channel is dead where that is 0 for every class."""
  gains = np.array([[-0.97, 0.5, -1.0], [-1.04, -0.5, -1.0]], np.float32)
  shrunk = scales.shrink('block1/norm1/gain/table', tf.constant(gains), 0.05).numpy()
  size = np.sqrt(np.mean((1 + gains[:, 1])**2))
  np.testing.assert_array_equal(shrunk[:, [0, 2]], -1)
  np.testing.assert_allclose(1 + shrunk[:, 1], (1 + gains[:, 1]) * (1 - 0.05 / size), rtol=1e-6)
  assert scales.alive('block1/norm1/gain/table', shrunk).tolist() == [False, True, False]


@pytest.mark.parametrize('name, norm', [
    ('generator/norm/gamma:0', 'generator/norm'), ('block1/norm2/gain/table', 'block1/norm2'), ('norm/beta:0', None),
    ('norm/gain/kernel', None), ('attention/gate:0', None)])
def test_scales_are_told_by_their_names(name, norm):
  assert scales.norm_of(name) == norm


def test_a_search_ends_with_dead_channels_and_an_unmoved_teacher():
  trainer = tiny.make_trainer(methods={}, built=False)
  trainer.optimizers['generator'] = ProximalAdam(Adam(), 2.0)
  trainer.gan.imitate(distances.pixels)
  trainer.build({'data': tiny.IMAGES.image_shape})
  teacher = trainer.gan.teachers['generator']
  before = [v.numpy() for v in teacher.variables]
  trainer.fit(tiny.DATA, 6)
  gammas = {v.name: v.numpy() for v in trainer.gan.generator.variables if 'gamma' in v.name}
  dead = {name: int((v == 0).sum()) for name, v in gammas.items()}
  assert sum(dead.values()) > 0.9 * sum(v.size for v in gammas.values())
  for value, variable in zip(before, teacher.variables, strict=True):  # running statistics, too
    np.testing.assert_array_equal(variable.numpy(), value)
  assert trainer.scalars()['generator/imitation'] > 0


@pytest.mark.parametrize('name', ['one', 'mirrored'])
def test_replicas_shrink_once(name):
  strategy = tf.distribute.OneDeviceStrategy('CPU:0') if name == 'one' else strategies.make('mirrored')
  with strategy.scope():
    gamma = tf.Variable([1.0, -0.003], name='generator/norm/gamma')
    optimizer = ProximalAdam(Adam(), 0.05)
    optimizer.build([gamma])

  @tf.function(autograph=False)
  def steps():
    strategy.run(lambda: optimizer.apply_gradients([(tf.constant([0.2, 0.0]), gamma)], skip_gradients_aggregation=True))
  steps()
  steps()
  np.testing.assert_allclose(gamma.numpy(), [1 - 0.025 - 0.035, 0], atol=1e-7)
