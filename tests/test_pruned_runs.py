"""Runs whose masks change between two steps: pruning before training, and of a network that was trained elsewhere."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tests import tiny
from tf_stugan import errors
from tf_stugan import rng
from tf_stugan.compat import keras
from tf_stugan.gans.gan import Outcome
from tf_stugan.gans.gan import Player
from tf_stugan.layers import prunable
from tf_stugan.metrics.score import LOWER
from tf_stugan.metrics.score import Score
from tf_stugan.reports import records
from tf_stugan.procedures import procedure
from tf_stugan.procedures.prune_and_finetune import PruneAndFinetune
from tf_stugan.procedures.train import Train
from tf_stugan.sparsity import masks
from tf_stugan.sparsity import one_shot_pruning
from tf_stugan.sparsity import rankings
from tf_stugan.sparsity import scores
from tf_stugan.sparsity import static_sparse
from tf_stugan.sparsity.method import SparsityMethod
from tf_stugan.training import checkpoints
from tf_stugan.training import starting_weights
from tf_stugan.training import layer_choice
from tf_stugan.training import strategies
from tf_stugan.training.thin_layers import ThinLayers
from tf_stugan.training.workdir import Workdir


class NoScores:
  """In the place of an evaluator."""

  batch_statistics = False

  def evaluate(self, outputs, stopped):
    return {'fcd': Score(1.0, LOWER)}

  def protocol(self):
    return {'extractor': 'none', 'generated_images': 1, 'real_images': 1}


def pruning(prune_step, density=0.2, **kwargs):
  return one_shot_pruning.OneShotPruning(density, prune_step, **kwargs)


def masks_of(trainer):
  return [v.mask.numpy() for v in trainer.sides['generator'].masked]


def buffers_of(trainer):
  return [v.numpy() for v in trainer.gan.generator.non_trainable_variables if v.dtype.is_floating]


@pytest.fixture(scope='module')
def dense(tmp_path_factory):
  """A dense run of two steps, saved."""
  workdir = Workdir(tmp_path_factory.mktemp('dense'))
  trainer = tiny.make_trainer(methods={})
  trainer.fit(tiny.DATA, 2)
  checkpoints.save(trainer, workdir.checkpoints)
  return trainer, workdir


def test_snip_prunes_before_the_first_step_and_the_same_again():
  made = []
  for _ in range(2):
    trainer = tiny.make_trainer(method=pruning(0, score=scores.saliency))
    weights = trainer.gan.generator.blocks[0].conv1.kernel.numpy()
    buffers = buffers_of(trainer)
    trainer.update_masks(tiny.DATA)
    made.append(masks_of(trainer))
    # One ranking over all layers: the number of all weights is kept, exactly, and those kept have their initial values.
    assert sum(m.sum() for m in made[-1]) == round(0.2 * sum(m.size for m in made[-1]))
    first = trainer.sides['generator'].masked[0]
    np.testing.assert_array_equal(first.weight, np.where(first.mask, weights, 0))
    # The batch that was looked at has left no trace.
    for v, old in zip(buffers_of(trainer), buffers, strict=True):
      np.testing.assert_array_equal(v, old)
    assert int(trainer.step) == 0 and int(trainer.optimizers['generator'].iterations) == 0
    assert trainer.scalars()['generator/exploration_rate'] == pytest.approx(0.2, abs=1e-3)
  for a, b in zip(*made, strict=True):
    np.testing.assert_array_equal(a, b)


def saliency_of(players):
  """The trainer, after these were pruned by saliency before the first step."""
  trainer = tiny.make_trainer(methods={name: pruning(0, score=scores.saliency) for name in players})
  trainer.update_masks(tiny.DATA)
  return trainer


@pytest.mark.slow
def test_before_training_every_player_is_looked_at_before_any_is_pruned():
  both = saliency_of(['discriminator', 'generator'])
  for name in ('discriminator', 'generator'):  # what it looks like beside a dense opponent
    for a, b in zip(both.sides[name].masked, saliency_of([name]).sides[name].masked, strict=True):
      np.testing.assert_array_equal(a.mask, b.mask, err_msg=f'{name} {a.name}')


class Noted(SparsityMethod):
  """Changes no mask, and keeps what it was given to rank by."""

  ranking = staticmethod(rankings.hessian_gradient)

  def initialize(self, variables, seed):
    self.seen = [tf.Variable(tf.zeros(v.weight.shape), trainable=False) for v in variables]

  def expected_densities(self, shapes, step):
    return dict.fromkeys(shapes, 1.0)

  def update_steps(self):
    return (0,)

  def update(self, variables, gradients, step, seed, balance_ratio=None):
    for variable, gradient in zip(self.seen, gradients, strict=True):
      variable.assign(gradient)
    return [tf.zeros(v.mask.shape, tf.bool) for v in variables]


@pytest.mark.parametrize('parts', [1, pytest.param(2, marks=pytest.mark.slow)])
def test_what_grasp_ranks_by_is_the_hessian_times_the_gradient_of_the_whole_batch(parts):
  # L = c |w|^2 / 2, with another c for each part of a batch: g = mean(c) w, H = mean(c), Hg = mean(c)^2 w.
  trainer = tiny.make_trainer(methods={'generator': Noted()}, accumulation_steps=parts)
  side = trainer.sides['generator']

  def objective(batch, seed, made):
    loss = rng.uniform([], seed) * tf.add_n([tf.nn.l2_loss(v.weight) for v in side.masked])
    return Outcome(loss, {'fake_logits': loss})
  discriminators, generators = trainer.gan.turns
  trainer.gan.turns = (discriminators, generators._replace(objective=objective))
  trainer.update_masks(tiny.DATA)
  seed = rng.seed(trainer.seed, 'generator', 0, 0)
  seeds = [seed] if parts == 1 else [rng.fold(seed, (1 << 16) + i) for i in range(parts)]
  factor = np.mean([rng.uniform([], s) for s in seeds])
  for v, seen in zip(side.masked, side.method.seen, strict=True):
    np.testing.assert_allclose(seen, factor**2 * v.weight, rtol=1e-5)


def own_messages(caplog):
  """Those of this library; TensorFlow may warn of the many graphs that a whole file of tests traces."""
  return [record.getMessage() for record in caplog.records if record.name.startswith('tf_stugan')]


@pytest.mark.slow
def test_layers_with_one_weight_and_players_that_put_out_a_constant_are_warned_of_once(caplog):
  trainer = tiny.make_trainer(methods={'discriminator': pruning(0, 1e-9), 'generator': pruning(0, 0.2)})
  trainer.update_masks(tiny.DATA)
  assert all(int(masks.nonzeros(v.mask)) == 1 for v in trainer.sides['discriminator'].masked)
  trainer.warn_of_thin_layers(['discriminator'], tiny.DATA)
  first, second = own_messages(caplog)
  assert first.startswith('One weight is left') and 'block1/conv1' in first and 'of the discriminator' in first
  assert second.startswith('The loss of the discriminator is the same for any images')


def cut_off(shape, density, seed):
  """A mask of one weight, which leads from the last channel to the first: no image gets through two such layers."""
  del density, seed
  return tf.reshape(tf.range(math.prod(shape)) == (shape[-2] - 1) * shape[-1], shape)


def test_first_masks_that_leave_a_constant_are_warned_of_before_the_first_step(caplog):
  trainer = tiny.make_trainer(methods={'discriminator': static_sparse.StaticSparse(0.5, sample_mask=cut_off)})
  trainer.fit(tiny.DATA, 0)
  assert [message[:20] for message in own_messages(caplog)] == ['One weight is left, ', 'The loss of the disc']


def painter(shape, *layers):
  """A player with a network of these layers, built for inputs of this shape."""
  network = keras.Sequential(layers)
  network(tf.zeros(shape))
  return Player('painter', 'painter', network)


def test_a_transposed_convolution_is_thin_where_it_has_fewer_weights_than_outputs():
  for units, inputs, kept, thin in ((2, 8, 4, False), (8, 2, 4, True), (8, 2, 8, False)):
    player = painter([1, 4, 4, inputs], prunable.Conv2DTranspose(units, name='up'))
    layer, = layer_choice.conv_only(player.network)
    layer.mask.assign(tf.reshape(tf.range(16 * units * inputs) < kept, layer.mask.shape))
    assert ThinLayers().check(player, [layer]) is thin, (units, inputs, kept)


def test_layers_without_any_weight_are_warned_of(caplog):
  player = painter([1, 4], prunable.Dense(3, name='a'), prunable.Dense(3, name='b'))
  layers = layer_choice.conv_and_dense(player.network)
  layers[1].mask.assign(tf.zeros([3, 3], tf.bool))
  ThinLayers().check(player, layers)
  assert caplog.messages == ['No weight is left in b of the painter: what they put out is constant.']


@pytest.mark.slow
@pytest.mark.parametrize('strategy', ['one_device', 'mirrored'])
def test_networks_that_do_something_are_not_warned_of(strategy, caplog, monkeypatch):
  with strategies.make(strategy).scope():
    trainer = saliency_of(['discriminator', 'generator'])
  monkeypatch.setattr(trainer._thin_layers, 'check', lambda *_: True)  # pylint: disable=protected-access
  trainer.warn_of_thin_layers(['discriminator', 'generator'], tiny.DATA)
  assert own_messages(caplog) == []


def run_of(workdir, prune_step, num_steps, pretrained=''):
  """The trainer of the last stage, after it."""
  made = PruneAndFinetune(Train(num_steps, evaluate_interval=2, sample_interval=100), prune_step, pretrained)

  def make_trainer(methods=None, label=''):
    return tiny.make_trainer(methods={'generator': pruning(prune_step)} if methods is None else methods, label=label)
  for stage in made.stages(make_trainer):
    run = procedure.Run(workdir.stage(stage.name), tiny.DATA, stage.make_trainer(), NoScores())
    made.run(run, stage, workdir.path)
  return run.trainer


@pytest.mark.slow
def test_fine_tuning_goes_on_from_the_weights_of_the_dense_run(dense, tmp_path):
  source, source_workdir = dense
  workdir = Workdir(tmp_path)
  trainer = run_of(workdir, prune_step=2, num_steps=4, pretrained=str(source_workdir.path))
  kernels = [v.weight.numpy() for v in layer_choice.conv_only(source.gan.generator)]
  magnitudes = np.concatenate([abs(k).ravel() for k in kernels])
  threshold = np.sort(magnitudes)[-round(0.2 * magnitudes.size)]
  for kernel, mask in zip(kernels, masks_of(trainer), strict=True):
    np.testing.assert_array_equal(mask, abs(kernel) >= threshold)
  assert int(trainer.step) == 4 and int(trainer.optimizers['generator'].iterations) == 4
  assert all(not v.weight.numpy()[~v.mask.numpy()].any() for v in trainer.sides['generator'].masked)
  # The dense phase is charged: two steps of two networks with all weights of the generator, two with fewer.
  costs = {row['step']: row for row in workdir.rows() if row['kind'] == 'cost'}
  assert sorted(costs) == [0, 2, 4]
  record = records.record(workdir)
  assert record['training FLOPs'] == 2 * costs[0]['step_operations'] + 2 * costs[2]['step_operations']
  assert 0.5 < record['training FLOPs / dense'] < 1


@pytest.mark.slow
def test_two_stages_end_where_one_run_does_that_prunes_on_its_way(tmp_path):
  trainer = run_of(Workdir(tmp_path), prune_step=2, num_steps=4)
  dense, pruned = (Workdir(tmp_path / name).rows() for name in ('dense', ''))
  assert [row['step'] for row in dense if row['kind'] == 'evaluation'] == [2]
  assert [row['step'] for row in pruned if row['kind'] == 'evaluation'] == [4]
  assert {row['method'] for row in dense if row['kind'] == 'cost'} == {'dense'}
  densities = {row['step']: row['generator/layer_densities']['block1/conv1'] for row in pruned if row['kind'] == 'cost'}
  assert densities[0] == 1.0 and densities[2] < 1.0
  assert float(masks.density(trainer.sides['generator'].masked)) == pytest.approx(0.2, abs=1e-3)
  once = tiny.make_trainer(methods={'generator': pruning(2)})
  once.fit(tiny.DATA, 4)
  for part in ('weights', 'masks', 'averages', 'optimizers'):
    for name, variable in once.parts()[part].items():
      np.testing.assert_array_equal(variable, trainer.parts()[part][name], err_msg=f'{part}/{name}')


@pytest.mark.slow
def test_a_dense_run_that_ended_elsewhere_is_refused(dense, tmp_path):
  with pytest.raises(errors.UserError, match='ended at step 2, and no method prunes there. Set PRUNE_STEP = 2'):
    run_of(Workdir(tmp_path), prune_step=3, num_steps=4, pretrained=str(dense[1].path))


def test_a_pruning_beyond_the_end_of_the_run_is_refused():
  with pytest.raises(errors.UserError, match='PruneAndFinetune.prune_step is a whole number, from 1 to 3; got 5'):
    PruneAndFinetune(Train(4), 5)


def test_a_run_of_other_networks_is_refused(dense, tmp_path):
  trainer = tiny.make_trainer(method=pruning(2), width=4)
  with pytest.raises(errors.CheckpointError, match='other networks'):
    starting_weights.restore_parts(trainer, dense[1].checkpoints, ['weights'])


def test_a_workdir_without_a_run_is_refused(tmp_path):
  with pytest.raises(errors.CheckpointError, match='no checkpoint to begin from'):
    run_of(Workdir(tmp_path / 'new', create=True), prune_step=2, num_steps=4, pretrained=str(tmp_path / 'nowhere'))
