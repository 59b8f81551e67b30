"""Curves of scores, of several runs in one figure."""

import json

from matplotlib import figure
from PIL import Image

from tests.reports.test_records import run
from tf_stugan import cli
from tf_stugan.reports import score_curves
from tf_stugan.training.workdir import Workdir


def add_curve(workdir, step, heights, extractor='classifier abc'):
  protocol = {**workdir.rows()[0]['protocol'], 'extractor': extractor}
  row = {'step': step, 'protocol': protocol, 'curves': {'prd': {'recall': [0, 0.5, 1], 'precision': heights}}}
  with open(workdir.evaluations, 'a') as file:
    file.write(json.dumps(row) + '\n')


def test_the_newest_curve_of_every_run_is_drawn(tmp_path):
  run(tmp_path, 'dense', [9.0, 4.0])
  run(tmp_path, 'ticket', [8.0, 3.0], density=0.2)
  run(tmp_path, 'without', [8.0, 3.0], density=0.2)
  runs = {name: Workdir(str(tmp_path / name)) for name in ('dense', 'ticket', 'without')}
  add_curve(runs['dense'], 1, [0.2, 0.1, 0])
  add_curve(runs['dense'], 2, [1, 0.9, 0])
  add_curve(runs['ticket'], 2, [1, 0.7, 0])
  add_curve(runs['ticket'], 2, [0, 0, 0], 'strided classifier d')  # of other features than the scores of the run
  with open(runs['ticket'].evaluations, 'a') as file:
    file.write('{"step": 3, "curv')  # cut off
  curves = score_curves.collect(runs)
  assert {name: points['precision'] for name, points in curves['prd'].items()} == {
      'dense': [1, 0.9, 0], 'ticket': [1, 0.7, 0]}
  assert cli.main(['tf-stugan', 'report', f'--workdirs={tmp_path}/*', f'--output={tmp_path}/report']) == 0
  with Image.open(tmp_path / 'report' / 'prd_curve.png') as picture:
    assert picture.size == (600, 600)


def test_a_dense_run_and_ten_rounds_have_eleven_colours(tmp_path, monkeypatch):
  names = ['dense', *(f'round-{i:02d}' for i in range(1, 11))]
  drawn = []
  monkeypatch.setattr(figure.Figure, 'savefig', lambda self, path: drawn.append(self))
  score_curves.plot({name: {'recall': [0, 1], 'precision': [1, 0]} for name in names}, 'prd', tmp_path / 'curves.png')
  lines = drawn[0].axes[0].lines
  assert len(lines) == len({line.get_color() for line in lines}) == 11
