import json
import time
import types

import pytest

from tests import tiny
from tf_stugan.metrics.score import LOWER
from tf_stugan.metrics.score import Score
from tf_stugan.training import measuring
from tf_stugan.training import saved_steps
from tf_stugan.training import saving
from tf_stugan.training import showing
from tf_stugan.training.run_log import Log
from tf_stugan.training.workdir import Workdir


@pytest.fixture(scope='module')
def trainer():
  return tiny.make_trainer()


def test_rows_of_a_run(trainer, tmp_path):
  workdir = Workdir(tmp_path)
  log = Log(workdir)
  trainer.fit(tiny.DATA, 3, [showing.LogMeans(1, log), measuring.Cost(3, log)])  # masks change at step 2
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
  monkeypatch.setattr(measuring, 'time', clock)

  class Scores:
    values = iter([9.0, 4.0, 6.0, 5.0, 8.0])

    def evaluate(self, outputs, stopped):
      late.append(True)
      return {'fcd': Score(next(self.values), LOWER)}

    def protocol(self):
      return {}
  trainer = tiny.make_trainer(interval=100)
  workdir = Workdir(tmp_path)
  log = Log(workdir)
  trainer.fit(tiny.DATA, 5, [measuring.Evaluate(1, Scores(), log), saving.Checkpoint(4, workdir, keep=1)])
  assert trainer.host_state.best == {'fcd': [4.0, 2]}
  assert [saved_steps.step_of(p) for p in saved_steps.list_checkpoints(workdir.checkpoints)] == [2, 5]
  assert 5000 <= trainer.host_state.evaluation_seconds < 5100
  assert 0 < trainer.host_state.train_seconds < 500


def test_the_best_is_that_of_the_score_that_comes_first_now(trainer, tmp_path):
  def score(name, step, value):
    scores = types.SimpleNamespace(evaluate=lambda *_: {name: Score(value, LOWER)}, protocol=dict)
    measuring.Evaluate(1, scores, Log(Workdir(tmp_path)))(trainer, step)
  for name, step, value, best in (('fcd', 1, 4.0, {'fcd': [4.0, 1]}), ('fcd', 2, 5.0, {'fcd': [4.0, 1]}),
                                  ('kcd', 3, 9.0, {'kcd': [9.0, 3]})):
    score(name, step, value)
    assert trainer.host_state.best == best
