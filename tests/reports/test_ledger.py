"""What finished runs cost by the conventions of the papers, from the rows that they wrote."""

import csv
import json

import pytest

from tf_stugan import cli
from tf_stugan import configuration
from tf_stugan import rng
from tf_stugan.training import measuring
from tf_stugan.training.run_log import Log
from tf_stugan.training.workdir import Workdir

STEPS = 100_000
FILES = ('runs/train.gin', 'models/sngan.gin', 'datasets/cifar10.gin', 'metrics/inception.gin', 'methods/static.gin')


@pytest.fixture(scope='module')
def run(tmp_path_factory):
  """A workdir of SNGAN on CIFAR-10 at full size with ADAPT's settings, as if trained; and cost rows by density."""
  workdir = Workdir(tmp_path_factory.mktemp('run'), create=True)
  log, cost = Log(workdir), {}
  configuration.load([configuration.find(f) for f in FILES], [
      f'NUM_STEPS = {STEPS}', 'Trainer.layers = @layer_choice.conv_and_dense'])
  trainer = configuration.make_experiment().make_trainer()
  trainer.build({'data': (32, 32, 3)})
  for density in (0.1, 0.5):
    for side in trainer.sides.values():
      side.method.density = density
      side.method.initialize(side.masked, rng.seed(1, side.player.name))
    measuring.Cost(1000, log)(trainer, 0)
    cost[density] = workdir.rows()[-1]
  workdir.write_config(configuration.snapshot())
  return workdir, cost


def reported(workdir, rows, output, *flags):
  """The line of report.csv."""
  protocol = {'extractor': '', 'generated_images': 1, 'real_images': 1}
  rows = [*rows, {'kind': 'evaluation', 'step': STEPS, 'fid': 20.0, 'protocol': protocol}]
  workdir.metrics.write_text(''.join(json.dumps(row) + '\n' for row in rows))
  assert cli.main(['tf-stugan', 'report', f'--workdirs={workdir.path}', f'--output={output}', *flags]) == 0
  with open(output / 'report.csv') as file:
    line, = csv.DictReader(file)
  return line


# SNGAN on CIFAR-10 in Table 3 of ADAPT's poster: Static-Balance has 8.97 % at density 0.1 and 47.25 % at 0.5.
@pytest.mark.slow
@pytest.mark.parametrize('second, percent', [(0.1, 8.97), (0.5, (8.97 + 47.25) / 2)])
def test_rows_of_adapts_table_3_come_out_of_finished_runs(run, second, percent, tmp_path, capsys):
  """Masks of density 0.1, and from half of the run on others."""
  workdir, cost = run
  rows = [cost[0.1], {**cost[second], 'step': STEPS // 2}]
  line = reported(workdir, rows, tmp_path / 'report', '--convention=published:adapt')
  spent, share = float(line['training FLOPs']), float(line['training FLOPs / dense'])
  assert 100 * share == pytest.approx(percent, abs=0.15)
  assert spent / share == pytest.approx(2.67e17, rel=0.003)
  assert 'Training FLOPs: published:adapt.' in capsys.readouterr().out


def test_without_a_convention_the_report_has_what_the_run_logged(run, tmp_path):
  workdir, cost = run
  line = reported(workdir, [cost[0.1]], tmp_path / 'report')
  assert float(line['training FLOPs']) == pytest.approx(STEPS * cost[0.1]['step_operations'])
  assert 'convention' not in line


def test_a_run_that_did_not_log_its_masks_has_no_published_cost(run, tmp_path):
  line = reported(run[0], [], tmp_path / 'report', '--convention=published:adapt')
  assert line['training FLOPs'] == ''


def test_an_unknown_convention_is_refused(run, tmp_path, capsys):
  workdir, cost = run
  reported(workdir, [cost[0.1]], tmp_path / 'report')
  assert cli.main(['tf-stugan', 'report', f'--workdirs={workdir.path}', f'--output={tmp_path}', '--convention=mine']) == 2
  assert 'published:adapt' in capsys.readouterr().err
