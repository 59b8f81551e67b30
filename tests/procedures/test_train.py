"""Which checkpoints a run keeps, and what it does when a loss is not finite."""

import json
import logging
import math
import os
import signal
import types

import pytest

from tests import tiny
from tf_stugan import errors
from tf_stugan.data import prepared
from tf_stugan.metrics.score import LOWER
from tf_stugan.metrics.score import Score
from tf_stugan.procedures.procedure import Run
from tf_stugan.procedures.procedure import Stage
from tf_stugan.procedures.train import Train
from tf_stugan.sparsity import dynamic_sparse
from tf_stugan.sparsity import schedules
from tf_stugan.training import checkpoints
from tf_stugan.training import checkpoint_files
from tf_stugan.training.hooks import Hook
from tf_stugan.training import row_files
from tf_stugan.training import saved_steps
from tf_stugan.training.workdir import Workdir


def train_once(procedure, run):
  stage, = procedure.stages(lambda: run.trainer)
  procedure.run(run, stage, run.workdir.path)


def train(workdir, num_steps=10, trainer=None, data=tiny.DATA, hooks=(), **kwargs):
  trainer = trainer or tiny.make_trainer(interval=1)
  run = Run(Workdir(workdir, create=True), data, trainer, None, hooks=hooks)  # without scores
  train_once(Train(num_steps, 2, 100, 100, 4, **kwargs), run)
  return trainer


def rows(workdir):
  return [row for row in Workdir(workdir).rows() if row['kind'] == 'train']


def test_checkpoints_to_be_kept_are_saved_between_the_others(tmp_path):
  train(tmp_path, keep_every=3)  # the others at 4, 8 and 10, of which the last two stay
  assert [saved_steps.step_of(p) for p in saved_steps.list_checkpoints(tmp_path / 'checkpoints')] == [3, 6, 9, 10]


@pytest.fixture
def fault(monkeypatch):
  """Asks for a fault."""
  return lambda name: monkeypatch.setenv('TF_STUGAN_FAULT', name)


def test_a_loss_that_is_not_finite_stops_the_run_and_is_not_saved(tmp_path, fault):
  fault('nan:discriminator_loss@7')
  with pytest.raises(errors.DivergedError, match=r'discriminator/loss became nan .* step 7 \(seed 1\)'):
    train(tmp_path)
  assert [saved_steps.step_of(p) for p in saved_steps.list_checkpoints(tmp_path / 'checkpoints')] == [4]
  assert [row['step'] for row in rows(tmp_path)] == [2, 4, 6]


@pytest.mark.slow
def test_a_rollback_goes_on_from_the_newest_checkpoint_with_other_draws(tmp_path, fault, caplog, monkeypatch):
  fault('nan:generator_loss@7')
  with pytest.raises(errors.DivergedError):
    train(tmp_path)
  first = rows(tmp_path)
  monkeypatch.setenv('TF_STUGAN_FAULT', 'nan:generator_loss@7')
  with caplog.at_level(logging.WARNING):
    trainer = tiny.make_trainer(interval=1)
    forget_after_a_rollback(trainer, monkeypatch)
    train(tmp_path, trainer=trainer, max_rollbacks=2)
  assert 'Back to the checkpoint of step 4, with other latents: rollback 1 of 2' in caplog.text
  after = rows(tmp_path)
  assert [row['step'] for row in after] == [2, 4, 6, 8, 10]
  assert [row.get('rollbacks', 0) for row in after] == [0, 0, 1, 1, 1]
  assert after[:2] == first[:2] and after[2]['generator/loss'] != first[2]['generator/loss']
  assert all(math.isfinite(value) for row in after for value in row.values() if isinstance(value, float))
  state = json.loads((saved_steps.list_checkpoints(tmp_path / 'checkpoints')[-1] / 'state.json').read_text())
  assert state['rollbacks'] == 1


def forget_after_a_rollback(trainer, monkeypatch):
  """The fault is in the graph of the first attempt only."""
  go_on = trainer.reseed_after_rollback

  def go_on_without(rollbacks):
    monkeypatch.delenv('TF_STUGAN_FAULT')
    go_on(rollbacks)
  monkeypatch.setattr(trainer, 'reseed_after_rollback', go_on_without)


@pytest.mark.slow
def test_a_run_after_a_rollback_resumes_exactly(tmp_path, fault, monkeypatch):
  ends = []
  for name, stops in (('whole', [10]), ('resumed', [8, 10])):
    for stop in stops:  # the checkpoint of step 8 is from after the rollback
      fault('nan:generator_loss@7')
      trainer = tiny.make_trainer(interval=1)
      forget_after_a_rollback(trainer, monkeypatch)
      train(tmp_path / name, stop, trainer, max_rollbacks=1)
    ends.append(tiny.state(trainer))
    monkeypatch.delenv('TF_STUGAN_FAULT', raising=False)
  for a, b in zip(*ends, strict=True):
    assert (a == b).all()
  assert rows(tmp_path / 'whole') == rows(tmp_path / 'resumed')


@pytest.mark.slow
def test_rollbacks_come_to_an_end(tmp_path, fault):
  fault('nan:discriminator_loss@6')  # again after every rollback
  with pytest.raises(errors.DivergedError, match='step 6'):
    train(tmp_path, max_rollbacks=2)
  assert saved_steps.step_of(saved_steps.list_checkpoints(tmp_path / 'checkpoints')[-1]) == 4


@pytest.mark.slow
def test_without_a_checkpoint_there_is_nothing_to_go_back_to(tmp_path, fault):
  fault('nan:discriminator_loss@2')
  with pytest.raises(errors.DivergedError):
    train(tmp_path, max_rollbacks=2)
  assert not saved_steps.list_checkpoints(tmp_path / 'checkpoints')


@pytest.mark.slow
def test_weights_that_are_not_finite_are_never_saved(tmp_path):
  trainer = tiny.make_trainer(interval=1)
  bias = trainer.gan.averaged_generator.to_rgb.bias  # no loss depends on it
  bias.assign(bias * math.inf)
  with pytest.raises(errors.DivergedError, match=r'to_rgb/bias:0 is not finite at step 4 \(seed 1\)'):
    train(tmp_path, trainer=trainer)
  assert not saved_steps.list_checkpoints(tmp_path / 'checkpoints')


class Scores:
  """In place of an evaluator: sums a kernel, and is stopped by signals on its way.

  Args:
    signals: of each evaluation, None for none.
  """

  batch_statistics = False

  def __init__(self, signals):
    self.signals = list(signals)

  def protocol(self):
    return {}

  def evaluate(self, outputs, stopped):
    if number := self.signals.pop(0):
      signal.raise_signal(number)
    if stopped():
      raise errors.Interrupted('stopped')
    return {'fcd': Score(outputs['images'].network.blocks[0].conv1.kernel.numpy().sum(), LOWER)}


def attempt(workdir, num_steps, scores):
  run = Run(Workdir(workdir, create=True), tiny.DATA, tiny.make_trainer(interval=1), scores)
  train_once(Train(num_steps, 2, 100, 4, 100), run)


def count_scores(workdir):
  return sum(row['kind'] == 'evaluation' for row in Workdir(workdir).rows())


@pytest.mark.slow
def test_a_stop_while_scoring_saves_and_the_scores_come_when_the_run_goes_on(tmp_path):
  """Ten thousands of images would outlast the time that a cluster leaves a process to end."""
  scores = Scores([signal.SIGTERM, None, None])
  with pytest.raises(errors.Interrupted, match='Stopped at step 4 as asked, and saved'):
    attempt(tmp_path / 'stopped', 6, scores)
  assert count_scores(tmp_path / 'stopped') == 0
  row_files.append(tmp_path / 'stopped' / 'metrics.jsonl', {'kind': 'evaluation', 'step': 4})  # killed then
  attempt(tmp_path / 'stopped', 6, scores)
  attempt(tmp_path / 'whole', 6, Scores([None, None]))
  stopped, whole = (sorted(Workdir(tmp_path / name).rows(), key=lambda row: (row['step'], row['kind']))
                    for name in ('stopped', 'whole'))
  assert stopped == whole and count_scores(tmp_path / 'whole') == 2


@pytest.mark.slow
def test_scores_of_the_last_step_that_a_stop_put_off_are_made_once_and_saved(tmp_path):
  folder, scores = tmp_path / 'checkpoints', Scores([signal.SIGTERM, None])
  with pytest.raises(errors.Interrupted):
    attempt(tmp_path, 4, scores)
  assert checkpoint_files.lacks_scores(folder)  # so a stage of a procedure is not passed over
  attempt(tmp_path, 4, scores)
  assert not checkpoint_files.lacks_scores(folder) and count_scores(tmp_path) == 1
  state = json.loads((saved_steps.list_checkpoints(folder)[-1] / 'state.json').read_text())
  assert state['best']['fcd'][1] == 4
  attempt(tmp_path, 4, scores)  # which has no evaluation left to make
  assert count_scores(tmp_path) == 1


@pytest.mark.slow
def test_data_that_are_lost_before_the_first_step_leave_no_checkpoint_behind(tmp_path):
  """One of half a beginning would be gone on from, without masks."""
  trainer = tiny.make_trainer(interval=1)

  def begin(run, cost, folder):
    run.trainer.step.assign(3)
    raise errors.DataLostError('gone')

  run = Run(Workdir(tmp_path, create=True), tiny.DATA, trainer, None)
  with pytest.raises(errors.DataLostError):
    Train(6).run(run, Stage('', 6, lambda: trainer, begin), tmp_path)
  assert not saved_steps.list_checkpoints(tmp_path / 'checkpoints')


def test_a_schedule_that_does_nothing_is_found_before_anything_is_read():
  methods = {'generator': dynamic_sparse.DynamicSparse(0.2, schedules.UpdateSchedule(100, 50))}
  trainer = types.SimpleNamespace(methods=methods)
  short, long = Train(40), Train(60)
  with pytest.raises(errors.UserError, match='would change no mask within 40 steps'):
    short.check(trainer, short.stages(None)[0])
  long.check(trainer, long.stages(None)[0])


class CutShort(Hook):
  """Shortens a file by half at a step."""

  def __init__(self, file, step):
    super().__init__(interval=step)
    self.file = file

  def __call__(self, trainer, step):
    os.truncate(self.file, self.file.stat().st_size // 2)


@pytest.mark.slow
def test_a_streamed_file_that_becomes_shorter_leaves_a_checkpoint_of_the_last_whole_step(tmp_path):
  folder, cut = tmp_path / 'prepared', tmp_path / 'cut'
  pairs = list(zip(tiny.IMAGES.images, tiny.IMAGES.labels, strict=True))
  prepared.write(folder, pairs, len(pairs), tiny.IMAGES.name, tiny.IMAGES.classes, '')
  with pytest.raises(errors.DataLostError, match='images.bin cannot be read any more') as info:
    train(cut, 30, tiny.make_trainer(interval=20), {'data': prepared.load(folder)}, (CutShort(folder / 'images.bin', 3),))
  assert info.value.exit_code == 3
  step = saved_steps.step_of(saved_steps.list_checkpoints(cut / 'checkpoints')[-1])
  assert 3 < step < 30
  saved, whole = tiny.make_trainer(interval=20), tiny.make_trainer(interval=20)
  checkpoints.restore(saved, cut / 'checkpoints')
  whole.fit(tiny.DATA, step)
  for player, other in zip(saved.gan.players, whole.gan.players, strict=True):  # singular vectors do not wait for data
    for a, b in zip(player.network.variables, other.network.variables, strict=True):
      assert (a.numpy() == b.numpy()).all(), (step, a.name)
