"""What may change in a run that has begun: a changed binding takes effect, or is refused by name."""

import numpy as np
import pytest
import tensorflow as tf

from tests import tiny
from tf_stugan import configuration
from tf_stugan import gin_changes
from tf_stugan.procedures.procedure import Run
from tf_stugan.procedures.train import Train
from tf_stugan.training import checkpoints
from tf_stugan.training.workdir import Workdir


def without_effect(*bindings, experiment='sngan_cifar10_stugan.gin'):
  configuration.load([configuration.find(experiment)])
  before = configuration.snapshot()
  configuration.load([configuration.find(experiment)], bindings)
  assert configuration.differences(before, configuration.snapshot())
  return gin_changes.without_effect(before, configuration.snapshot())


@pytest.mark.parametrize('bindings', [
    ('GENERATOR_LEARNING_RATE = 1e-4', 'BETA_2 = 0.99'), ('NUM_STEPS = 60_000',), ('MULTIPLIER = 2',), ('EMA_DECAY = 0.9',),
    ('FLIP = True', "METHOD = 'mine'", 'JIT_COMPILE = True'), ('GENERATOR_BATCH = 32',), ('UPDATE_INTERVAL = 7',),
    ('Train.report_interval = 3', 'Train.max_rollbacks = 1'), ('NUM_SAMPLES = 7', "INCEPTION_LOCATION = '/x'"),
    ('DynamicSparse.grow_score = @scores.random',), ("TFDSImages.split = 'test'",), ('DROP_FRACTION = 0.3',)])
def test_what_training_still_asks_may_change(bindings):
  assert without_effect(*bindings) == []


@pytest.mark.parametrize('binding, refused', [
    ('GENERATOR_DENSITY = 0.3', ['GENERATOR_DENSITY (DynamicSparse.density)']),
    ('DISCRIMINATOR_DENSITY = 0.3', ['DISCRIMINATOR_DENSITY (StaticSparse.density)']),
    ('SEED = 2', ['SEED (Trainer.seed)']), ('EMA_START = 9', ['EMA_START (SparseEMA.start_step)']),
    ('BALANCE_WINDOW = 9', ['BALANCE_WINDOW (BalanceRatio.window)']),
    ('GENERATOR_WIDTH = 128', ['GENERATOR_WIDTH (Generator.width)']),
    ('Trainer.layers = @layer_choice.conv_and_dense', ['trainer.Trainer.layers']),
    ('StaticSparse.distribution = @distributions.uniform', ['static_sparse.StaticSparse.distribution'])])
def test_what_a_checkpoint_holds_is_refused_by_name(binding, refused):
  assert without_effect(binding) == refused


def test_each_binding_is_judged_by_itself():
  assert without_effect('SEED = 2', 'NUM_STEPS = 60_000', 'GENERATOR_DENSITY = 0.2') == [
      'GENERATOR_DENSITY (DynamicSparse.density)', 'SEED (Trainer.seed)']


def test_a_macro_is_followed_through_others():
  """ADAPT's discriminator begins at the generator's density."""
  assert without_effect('GENERATOR_DENSITY = 0.2', experiment='sngan_cifar10_adapt_strict.gin') == [
      'GENERATOR_DENSITY (AdaptiveDensity.density, DynamicSparse.density)']


def test_the_horizon_of_a_schedule_may_change_and_a_pruning_that_was_done_may_not():
  finetune = 'sngan_cifar10_small_prune_and_finetune.gin'
  assert without_effect('NUM_STEPS = 6000', experiment='sngan_cifar10_small_gmp.gin') == []
  assert without_effect('NUM_STEPS = 6000', experiment=finetune) == []
  assert without_effect('PRUNE_STEP = 3000', experiment=finetune) == ['PRUNE_STEP (stretch.step)']


def test_what_nobody_uses_is_not_accepted_either():
  text = 'from tf_stugan.training import trainer\nIDLE = 1\nLABEL = 1\ntrainer.Trainer.label = %LABEL\n'
  assert gin_changes.without_effect(text, text.replace('IDLE = 1', 'IDLE = 2')) == ['IDLE']
  assert gin_changes.without_effect(text, text.replace('LABEL = 1', 'LABEL = 2')) == []


def test_somebody_s_own_class_is_refused_and_one_of_the_same_name_is_not_taken_for_ours():
  text = 'from my_methods import train\ntrain.Train.num_steps = 1\n'
  assert gin_changes.without_effect(text, text.replace('1', '2')) == ['train.Train.num_steps']


def test_the_configured_learning_rate_is_in_force_after_a_restore(tmp_path):
  """Told by what an update does: the first one of Adam moves every weight by the learning rate."""
  workdir = Workdir(tmp_path)
  checkpoints.save(tiny.make_trainer(), workdir.checkpoints)  # with 2e-4
  trainer = tiny.make_trainer()
  trainer.optimizers['generator'].learning_rate.assign(0.25)  # as configured, before it is built
  trainer.build({'data': tiny.IMAGES.image_shape})
  Train(10)._restore(Run(workdir, tiny.DATA, trainer, None))  # pylint: disable=protected-access
  for name, rate in (('generator', 0.25), ('discriminator', 2e-4)):
    weight = trainer.sides[name].player.network.trainable_variables[0]
    before = weight.numpy()
    trainer.optimizers[name].apply_gradients([(tf.ones_like(weight), weight)])
    np.testing.assert_allclose(before - weight.numpy(), rate, rtol=1e-3)
