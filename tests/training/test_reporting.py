import json
import logging
import resource
import sys
import time
import types

import numpy as np
from PIL import Image
import pytest

from tests import tiny
from tf_stugan.data import images as images_lib
from tf_stugan.metrics.score import LOWER
from tf_stugan.metrics.score import Score
from tf_stugan.training import reporting
from tf_stugan.training import saved_steps
from tf_stugan.training.workdir import Workdir


def test_a_grid_keeps_the_order_of_its_images():
  images = np.arange(1, 6, dtype=np.uint8)[:, None, None, None] * np.ones([5, 2, 2, 1], np.uint8)
  grid = reporting.image_grid(images, columns=3, margin=0)[:, :, 0]
  assert grid[::2, ::2].tolist() == [[1, 2, 3], [4, 5, 0]]
  assert reporting.image_grid(images).shape == (8, 12, 1)


@pytest.fixture(scope='module')
def trainer():
  return tiny.make_trainer()


def test_rows_of_a_run(trainer, tmp_path):
  workdir = Workdir(tmp_path)
  log = reporting.Log(workdir)
  trainer.fit(tiny.DATA, 3, [reporting.Report(1, log), reporting.Cost(3, log)])  # masks change at step 2
  rows = [json.loads(line) for line in workdir.metrics.read_text().splitlines()]
  assert [(row['kind'], row['step']) for row in rows] == [
      ('cost', 0), ('train', 1), ('train', 2), ('cost', 2), ('train', 3), ('cost', 3)]
  assert {'discriminator/loss', 'discriminator/real_logits', 'generator/fake_logits', 'generator/density',
          'generator/exploration_rate'} <= set(rows[1])
  cost = rows[-1]
  assert cost['generator/method'] == 'DynamicSparse'
  explored = cost['generator/layer_exploration']
  assert rows[0]['generator/layer_exploration']['block1/conv1'] < explored['block1/conv1'] == pytest.approx(
      trainer.sides['generator'].exploration.rates()['block1/conv1'], abs=1e-6)
  assert 0 < cost['step_operations'] < cost['dense_step_operations']
  kept = sum(int(v.mask.numpy().sum()) for v in trainer.sides['generator'].masked)
  assert cost['generator/parameters'] - cost['generator/kept_parameters'] == cost['generator/masked_parameters'] - kept


@pytest.mark.slow
def test_a_new_best_score_is_saved_at_once_and_evaluations_are_not_training_time(tmp_path, monkeypatch):
  late = []  # one entry an evaluation, each of which is to have taken 1000 seconds
  clock = types.SimpleNamespace(monotonic=lambda: time.monotonic() + 1000 * len(late))
  monkeypatch.setattr(reporting, 'time', clock)

  class Scores:
    values = iter([9.0, 4.0, 6.0, 5.0, 8.0])

    def evaluate(self, outputs, stopped):
      late.append(True)
      return {'fcd': Score(next(self.values), LOWER)}

    def protocol(self):
      return {}
  trainer = tiny.make_trainer(interval=100)
  workdir = Workdir(tmp_path)
  log = reporting.Log(workdir)
  trainer.fit(tiny.DATA, 5, [reporting.Evaluate(1, Scores(), log), reporting.Checkpoint(4, workdir, keep=1)])
  assert trainer.host_state.best == {'fcd': [4.0, 2]}
  assert [saved_steps.step_of(p) for p in saved_steps.list_checkpoints(workdir.checkpoints)] == [2, 5]
  assert 5000 <= trainer.host_state.evaluation_seconds < 5100
  assert 0 < trainer.host_state.train_seconds < 500


def test_the_best_is_that_of_the_score_that_comes_first_now(trainer, tmp_path):
  def score(name, step, value):
    scores = types.SimpleNamespace(evaluate=lambda *_: {name: Score(value, LOWER)}, protocol=dict)
    reporting.Evaluate(1, scores, reporting.Log(Workdir(tmp_path)))(trainer, step)
  for name, step, value, best in (('fcd', 1, 4.0, {'fcd': [4.0, 1]}), ('fcd', 2, 5.0, {'fcd': [4.0, 1]}),
                                  ('kcd', 3, 9.0, {'kcd': [9.0, 3]})):
    score(name, step, value)
    assert trainer.host_state.best == best


def test_samples_that_cannot_be_written_do_not_stop_a_run(trainer, tmp_path, caplog):
  workdir = Workdir(tmp_path)
  workdir.samples.touch()  # a file where the folder should be
  with caplog.at_level(logging.WARNING):
    reporting.Samples(1, workdir, reporting.Log(workdir), {}, count=2)(trainer, 1)
  assert 'samples of step 1 could not be written' in caplog.text


@pytest.fixture
def small_files():
  """No file can grow beyond 8 KiB: as on a disk that fills up."""
  before = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (2**13, before[1]))
  yield
  resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_run_goes_on_where_tensorboard_cannot_write(tmp_path, caplog, small_files):
  log = reporting.Log(Workdir(tmp_path))
  noise = np.random.default_rng(1).integers(0, 256, [64, 64, 3], np.uint8)
  for step in range(4):
    log.image(step, 'noise', noise)
    log.tensorboard(step, {'loss': 1.0})
  log.row('train', 4, {'loss': 1.0})
  assert caplog.text.count('nothing goes to TensorBoard') == 1
  assert len(Workdir(tmp_path).rows()) == 1


def test_a_run_goes_on_without_tensorboard(tmp_path, caplog, monkeypatch):
  for module in ('tensorboard', 'tensorboard.summary', 'tensorboard.summary.v2'):
    monkeypatch.setitem(sys.modules, module, None)
  log = reporting.Log(Workdir(tmp_path))
  log.tensorboard(1, {'loss': 1.0})
  log.image(1, 'black', np.zeros([2, 2, 3], np.uint8))
  assert caplog.text.count('nothing goes to TensorBoard') == 1 and not (tmp_path / 'events').exists()


@pytest.mark.parametrize('batch_statistics, statistics', [(False, 'running'), (True, 'batch')])
def test_samples_have_the_statistics_that_their_text_names(trainer, tmp_path, batch_statistics, statistics):
  workdir = Workdir(tmp_path)
  reporting.Samples(1, workdir, reporting.Log(workdir), {}, count=4, batch_statistics=batch_statistics)(trainer, 1)
  with Image.open(workdir.samples / 'step-00000001.png') as image:
    assert image.text == {
        'step': '1', 'output': 'images', 'weights': 'average', 'numbers': '0-3', 'statistics': statistics,
        'truncation': 'none'}
    output = trainer.gan.outputs['images']
    expected = images_lib.to_uint8(output.sample(np.arange(4), batch_statistics=batch_statistics))
    np.testing.assert_array_equal(image, reporting.image_grid(expected))
