"""A checkpoint is all or nothing, and holds everything."""

import json
import logging
import os

import numpy as np
import pytest
import tensorflow as tf

from tests import tiny
from tf_stugan import errors
from tf_stugan.metrics import balance_ratio
from tf_stugan.sparsity import adaptive_density
from tf_stugan.sparsity import dynamic_sparse
from tf_stugan.sparsity import schedules
from tf_stugan.training import checkpoint_files
from tf_stugan.training import checkpoints
from tf_stugan.training import named_variables
from tf_stugan.training import saved_steps


def stugan():
  return tiny.make_trainer(interval=2)


def adapt():
  """The discriminator's density rises at steps 4 and 6, by what was measured in the two steps before each."""
  schedule = schedules.UpdateSchedule(100, 2)
  return tiny.make_trainer(balance=balance_ratio.BalanceRatio(interval=1, window=3), methods={
      'generator': dynamic_sparse.DynamicSparse(0.2, schedule, across_layers=True),
      'discriminator': adaptive_density.AdaptiveDensity(0.3, schedule, 0.1, lower_bound=-1e9, upper_bound=-1e9)})


def half():
  """With a loss scale that is no longer the first one."""
  trainer = tiny.make_trainer(interval=2, precision='float16')
  trainer.loss_scales['generator'].scale.assign(2.0**60)
  return trainer


@pytest.fixture(scope='module', params=[stugan, *(pytest.param(f, marks=pytest.mark.slow) for f in (adapt, half))])
def interrupted(request, tmp_path_factory):
  """Saved at step 3 (in the middle of an update interval, of a window and of the means), then trained to 6."""
  folder = tmp_path_factory.mktemp('run')
  trainer = request.param()
  trainer.fit(tiny.DATA, 3)
  trainer.host_state.best['fcd'] = [12.5, 2]
  checkpoints.save(trainer, folder)
  trainer.fit(tiny.DATA, 6)
  return request.param, folder, trainer


def test_a_resumed_run_is_bit_identical_to_one_that_was_never_stopped(interrupted):
  make, folder, uninterrupted = interrupted
  trainer = make()
  assert checkpoints.restore(trainer, folder) == 3
  assert trainer.host_state.best == {'fcd': [12.5, 2]}
  trainer.fit(tiny.DATA, 6)
  for resumed, other in zip(tiny.state(trainer), tiny.state(uninterrupted), strict=True):
    np.testing.assert_array_equal(resumed, other)
  assert trainer.scalars() == uninterrupted.scalars()
  if make is adapt:
    assert trainer.scalars()['discriminator/density'] == pytest.approx(0.5, abs=1e-3)


def test_every_variable_of_a_checkpoint_is_one_of_the_trainer_and_is_looked_at(interrupted):
  _, folder, trainer = interrupted
  names = [name for name, _ in tf.train.list_variables(str(saved_steps.list_checkpoints(folder)[-1] / 'variables'))]
  assert names == sorted(f'{part}/{name}' for part, named in trainer.parts().items() for name in named)
  assert len(names) == len({id(v) for v in trainer.variables})
  for variable in (trainer.optimizers['generator'].variables[-1], trainer.gan.averaged_generator.variables[0]):
    value = variable.numpy()
    variable.assign(np.full_like(value, np.nan))
    with pytest.raises(errors.DivergedError, match='is not finite'):
      trainer.check_state()
    variable.assign(value)
  trainer.check_state()


@pytest.fixture(scope='module')
def trainer():
  return tiny.make_trainer()


def save_at(trainer, folder, *steps):
  for step in steps:
    trainer.step.assign(step)
    checkpoints.save(trainer, folder, keep=3)


def damage_truncate(path):
  file = path / 'variables.data-00000-of-00001'
  file.write_bytes(file.read_bytes()[:-100])


def damage_flip(path):
  file = path / 'variables.data-00000-of-00001'
  content = bytearray(file.read_bytes())
  content[len(content) // 2] ^= 1
  file.write_bytes(content)


def damage_manifest(path):
  (path / 'manifest.json').write_text('{"step": 2')


def damage_no_manifest(path):
  (path / 'manifest.json').unlink()


def damage_no_file(path):
  (path / 'variables.index').unlink()


@pytest.mark.parametrize(
    'damage', [damage_truncate, damage_flip, damage_manifest, damage_no_manifest, damage_no_file])
def test_a_damaged_checkpoint_is_set_aside_and_the_one_before_is_taken(trainer, tmp_path, caplog, damage):
  save_at(trainer, tmp_path, 1, 2)
  damage(tmp_path / 'step-00000002')
  with caplog.at_level(logging.WARNING):
    assert checkpoints.restore(trainer, tmp_path) == 1
  assert 'step-00000002.corrupt' in caplog.text
  assert (tmp_path / 'step-00000002.corrupt').is_dir()


def test_without_a_whole_one_it_never_starts_over_silently(trainer, tmp_path):
  save_at(trainer, tmp_path, 1)
  damage_flip(tmp_path / 'step-00000001')
  for _ in range(2):  # the second time there is only a .corrupt folder
    with pytest.raises(errors.CheckpointError, match='none of them is whole'):
      checkpoints.restore(trainer, tmp_path)


def test_another_run_begins_from_the_newest_one_or_from_none(trainer, tmp_path):
  with pytest.raises(errors.CheckpointError, match='holds no checkpoint to begin from'):
    checkpoint_files.find_whole(tmp_path)
  for step in (1, 2):
    save_at(trainer, tmp_path, step)
  assert checkpoint_files.find_whole(tmp_path).name == 'step-00000002'
  damage_flip(tmp_path / 'step-00000002')
  with pytest.raises(errors.CheckpointError, match='step-00000002 is not whole: .* train that run again from'):
    checkpoint_files.find_whole(tmp_path)
  assert checkpoint_files.find_whole(tmp_path, 1).name == 'step-00000001'
  with pytest.raises(errors.CheckpointError, match='of step 3'):
    checkpoint_files.find_whole(tmp_path, 3)


def test_an_empty_folder_is_a_fresh_start_unless_a_checkpoint_is_required(trainer, tmp_path):
  assert checkpoints.restore(trainer, tmp_path) == 0
  with pytest.raises(errors.CheckpointError, match='Train first'):
    checkpoints.restore(trainer, tmp_path, required=True)


def test_another_configuration_is_refused(trainer, tmp_path):
  save_at(trainer, tmp_path, 1)
  with pytest.raises(errors.CheckpointError, match='another configuration'):
    checkpoints.restore(tiny.make_trainer(width=12), tmp_path)


def test_the_newest_are_kept_and_a_half_written_one_is_not_seen(trainer, tmp_path):
  save_at(trainer, tmp_path, 1, 2, 3, 4)
  (tmp_path / '.writing-00000009').mkdir()
  assert [p.name for p in saved_steps.list_checkpoints(tmp_path)] == ['step-00000002', 'step-00000003', 'step-00000004']
  assert checkpoints.restore(trainer, tmp_path) == 4


@pytest.fixture
def with_scores(trainer):
  """The trainer, with a best score at step 2."""
  trainer.host_state.best['fcd'] = [7.5, 2]
  yield trainer
  trainer.host_state.best.clear()


def test_the_best_and_the_milestones_are_kept_beside_the_newest(with_scores, tmp_path):
  for step in range(1, 9):
    with_scores.step.assign(step)
    checkpoints.save(with_scores, tmp_path, keep=2, milestones=3)
  assert [saved_steps.step_of(p) for p in saved_steps.list_checkpoints(tmp_path)] == [2, 3, 6, 7, 8]


def test_a_checkpoint_is_chosen_by_name_or_step(with_scores, tmp_path):
  save_at(with_scores, tmp_path, 1, 2, 3)
  for choice, step in (('newest', 3), ('best', 2), ('1', 1)):
    assert checkpoints.restore_chosen(with_scores, tmp_path, choice) == step
    assert int(with_scores.step) == step
  with pytest.raises(errors.UserError, match='--checkpoint=4: .* one of the steps 1, 2, 3'):
    checkpoints.restore_chosen(with_scores, tmp_path, '4')
  damage_flip(tmp_path / 'step-00000001')
  with pytest.raises(errors.CheckpointError, match='step-00000001 is not whole'):
    checkpoints.restore_chosen(with_scores, tmp_path, '1')


def test_without_an_evaluation_there_is_no_best(trainer, tmp_path):
  save_at(trainer, tmp_path, 1)
  with pytest.raises(errors.UserError, match='once evaluated'):
    checkpoints.restore_chosen(trainer, tmp_path, 'best')


def test_the_manifest_names_sizes_hashes_and_nonzeros(trainer, tmp_path):
  save_at(trainer, tmp_path, 1)
  manifest = json.loads((tmp_path / 'step-00000001' / 'manifest.json').read_text())
  assert set(manifest['files']) == {'state.json', 'variables.index', 'variables.data-00000-of-00001'}
  to_rgb = trainer.sides['generator'].masked[-1]
  assert manifest['nonzeros'][f'generator/{to_rgb.name}'] == to_rgb.mask.numpy().sum()
  assert manifest['densities'][f'generator/{to_rgb.name}'] == pytest.approx(to_rgb.mask.numpy().mean(), abs=1e-6)
  assert manifest['step'] == 1


def test_one_whose_masks_and_weights_do_not_fit_is_set_aside(trainer, tmp_path, caplog):
  save_at(trainer, tmp_path, 1)
  weight = trainer.sides['generator'].masked[0].weight
  before = weight.numpy()
  weight.assign(before + 1)  # outside its mask, too
  save_at(trainer, tmp_path, 2)
  with caplog.at_level(logging.WARNING):
    assert checkpoints.restore(trainer, tmp_path) == 1
  assert 'weights outside its mask' in caplog.text and (tmp_path / 'step-00000002.corrupt').is_dir()
  np.testing.assert_array_equal(weight, before)


def test_an_average_outside_its_mask_is_noticed(trainer, tmp_path, caplog):
  save_at(trainer, tmp_path, 1)
  kernel = trainer.gan.averaged_generator.blocks[0].conv1.kernel
  before = kernel.numpy()
  wrong = before.copy()
  wrong[tuple(np.argwhere(~trainer.sides['generator'].masked[0].mask.numpy())[0])] = 1e-40  # to TensorFlow's kernels, zero
  kernel.assign(wrong)
  save_at(trainer, tmp_path, 2)
  with caplog.at_level(logging.WARNING):
    assert checkpoints.restore(trainer, tmp_path) == 1
  assert 'average of block1/conv1 has weights outside its mask' in caplog.text
  np.testing.assert_array_equal(kernel, before)


def test_one_that_cannot_be_read_is_not_set_aside(trainer, tmp_path):
  save_at(trainer, tmp_path, 1, 2)
  index, away = tmp_path / 'step-00000002' / 'variables.index', tmp_path / 'index'
  index.rename(away)
  index.symlink_to(index)  # the system refuses to open it: too many levels of links
  with pytest.raises(errors.CheckpointError, match='step-00000002 cannot be read .* Nothing was changed'):
    checkpoints.restore(trainer, tmp_path)
  index.unlink()
  away.rename(index)
  assert checkpoints.restore(trainer, tmp_path) == 2


def test_folders_whose_names_are_patterns(trainer, tmp_path):
  folder = tmp_path / 'a[1]*?\\b'
  save_at(trainer, folder, 1)
  trainer.step.assign(7)
  checkpoints.restore(trainer, folder)
  assert int(trainer.step) == 1
  assert named_variables.read_values(folder / 'step-00000001' / 'variables', 'step') == {'step': 1}


def test_the_configuration_goes_along(trainer, tmp_path):
  (tmp_path / 'config.gin').write_text('NUM_STEPS = 1')
  saved = checkpoints.save(trainer, tmp_path / 'checkpoints', attachments=[tmp_path / 'config.gin', tmp_path / 'none.gin'])
  assert (saved / 'config.gin').read_text() == 'NUM_STEPS = 1'
  assert 'config.gin' in json.loads((saved / 'manifest.json').read_text())['files']


def test_a_checkpoint_that_cannot_be_written_leaves_the_old_ones(trainer, tmp_path, monkeypatch):
  save_at(trainer, tmp_path, 1)
  def no_space(*_):
    raise OSError(28, 'No space left on device')
  monkeypatch.setattr(checkpoint_files, '_sha256', no_space)
  with pytest.raises(errors.DiskError, match='untouched'):
    save_at(trainer, tmp_path, 2)
  monkeypatch.undo()
  assert [p.name for p in tmp_path.iterdir()] == ['step-00000001']
  assert checkpoints.restore(trainer, tmp_path) == 1


def test_one_that_is_saved_again_is_there_at_every_moment(trainer, tmp_path, monkeypatch):
  save_at(trainer, tmp_path, 1)
  rename, calls = os.rename, []
  def fail_at_the_second(source, target):
    calls.append(target)
    if len(calls) == 2:
      raise OSError(5, 'Input/output error')
    rename(source, target)
  monkeypatch.setattr(checkpoint_files.os, 'rename', fail_at_the_second)
  with pytest.raises(OSError, match='Input/output'):
    save_at(trainer, tmp_path, 1)
  monkeypatch.undo()
  assert [p.name for p in tmp_path.iterdir()] == ['step-00000001']
  os.rename(tmp_path / 'step-00000001', tmp_path / '.writing-replaced')  # as a kill between the two leaves it
  assert checkpoints.restore(trainer, tmp_path) == 1
