"""Runs whose masks change between two steps: pruning before training, and of a network that was trained elsewhere."""

import types

import numpy as np
import pytest

from tests import tiny
from tf_stugan import errors
from tf_stugan.procedures import comparison
from tf_stugan.procedures import procedure
from tf_stugan.procedures.prune_and_finetune import PruneAndFinetune
from tf_stugan.procedures.train import Train
from tf_stugan.sparsity import masks
from tf_stugan.sparsity import one_shot_pruning
from tf_stugan.sparsity import scores
from tf_stugan.training import checkpoints
from tf_stugan.training import layer_choice
from tf_stugan.training.workdir import Workdir


class NoScores:
  """In the place of an evaluator."""

  batch_statistics = False

  def evaluate(self, gan, stopped):
    return {'fcd': 1.0}

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


def run_of(workdir, prune_step, num_steps, pretrained=''):
  trainer = tiny.make_trainer(method=pruning(prune_step))
  run = procedure.Run(workdir, tiny.DATA, trainer, NoScores())
  PruneAndFinetune(Train(num_steps, evaluate_interval=2, sample_interval=100), pretrained).run(run)
  return trainer


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
  record = comparison.record(workdir)
  assert record['training FLOPs'] == 2 * costs[0]['step_operations'] + 2 * costs[2]['step_operations']
  assert 0.5 < record['training FLOPs / dense'] < 1


def test_training_first_and_pruning_then_is_one_run(tmp_path):
  trainer = run_of(Workdir(tmp_path), prune_step=2, num_steps=4)
  rows = Workdir(tmp_path).rows()
  assert {row['step']: row['settled'] for row in rows if row['kind'] == 'evaluation'} == {2: True, 4: True}
  densities = {row['step']: row['generator/layer_densities']['block1/conv1'] for row in rows if row['kind'] == 'cost'}
  assert densities[0] == 1.0 and densities[2] < 1.0
  assert float(masks.density(trainer.sides['generator'].masked)) == pytest.approx(0.2, abs=1e-3)


def test_a_dense_run_that_ended_elsewhere_is_refused(dense, tmp_path):
  with pytest.raises(errors.UserError, match='ended at step 2, and no method prunes there. Set PRUNE_STEP = 2'):
    run_of(Workdir(tmp_path), prune_step=3, num_steps=4, pretrained=str(dense[1].path))


def test_a_pruning_beyond_the_end_of_the_run_is_refused():
  with pytest.raises(errors.UserError, match='OneShotPruning of the generator would change no mask within 4 steps'):
    PruneAndFinetune(Train(4)).check(types.SimpleNamespace(methods={'generator': pruning(5)}))


def test_a_run_of_other_networks_is_refused(dense, tmp_path):
  trainer = tiny.make_trainer(method=pruning(2), width=4)
  with pytest.raises(errors.CheckpointError, match='other networks'):
    checkpoints.restore_dense(trainer, dense[1].checkpoints)


def test_a_workdir_without_a_run_is_refused(tmp_path):
  with pytest.raises(errors.CheckpointError, match='no whole checkpoint'):
    run_of(Workdir(tmp_path / 'new', create=True), prune_step=2, num_steps=4, pretrained=str(tmp_path / 'nowhere'))
