"""Figures are drawn of the files of a report as of its runs."""

import json

import numpy as np
import pandas as pd
import pytest

from tests.reports.test_rows import make
from tests.reports.test_rows import seeded
from tf_stugan import cli
from tf_stugan import errors
from tf_stugan.reports import comparisons
from tf_stugan.reports import drawing
from tf_stugan.reports import intervals
from tf_stugan.training.workdir import Workdir


def with_costs(folder, name, seed, scores, method='static'):
  """Writes a run with the costs of its steps, 10 operations each up to step 2 and 5 after it."""
  workdir = seeded(folder, name, seed, scores, method)
  rows = workdir.rows()
  cost = rows.pop()
  rows += [{**cost, 'step': step, 'step_operations': operations, 'dense_step_operations': 20.0}
           for step, operations in ((0, 10.0), (2, 5.0))]
  rows += [{'kind': 'train', 'step': step, 'generator/density': 0.1} for step in (1, 2)]  # which stays
  workdir.metrics.write_text(''.join(json.dumps(row) + '\n' for row in rows))
  return workdir


def test_files_of_a_report_give_the_figures_of_its_runs(tmp_path):
  workdirs = {f'{method}_s{seed}': with_costs(tmp_path, f'{method}_s{seed}', seed, [9.0, 4.0 + seed, 3.0], method)
              for method in ('dense', 'static') for seed in (1, 2, 3)}
  assert cli.main(['tf-stugan', 'report', f'--workdirs={tmp_path}/*_s*', f'--output={tmp_path}/report']) == 0
  assert (tmp_path / 'report' / 'fcd_by_cost.png').exists()
  before, after = drawing.read_rows(make(workdirs)), drawing.read_files(tmp_path / 'report')
  pictures = {}
  for name, made in (('before', before), ('after', after)):
    (tmp_path / name).mkdir()
    assert drawing.draw(made, tmp_path / name, [('FCD', 'method')]) == ['fcd', 'fcd_by_cost', 'method']
    pictures[name] = {path.name: path.read_bytes() for path in (tmp_path / name).glob('*.png')}
  assert pictures['before'] == pictures['after'] and len(pictures['before']) == 3
  cost, = {tuple(curve) for curve in after.curves['training FLOPs']['static']}
  assert cost == (10.0, 20.0, 25.0)
  only = drawing.read_files(tmp_path / 'report', ['dense_s2'])
  assert list(only.curves['fcd']) == ['dense'] and len(only.curves['fcd']['dense']) == 1
  with pytest.raises(errors.UserError, match='no run nobody'):
    drawing.read_files(tmp_path / 'report', ['nobody'])
  with pytest.raises(errors.UserError, match='report.csv is missing'):
    drawing.read_files(tmp_path)


def test_a_curve_and_its_last_value_are_two_figures(tmp_path):
  for seed, ratio in ((1, 0.2), (2, 0.4)):
    workdir = with_costs(tmp_path, f'a{seed}', 1, [9.0, 4.0 + seed], f'method {seed}')
    rows = [{**row, 'balance_ratio': ratio * row['step']} if row['kind'] == 'train' else row for row in workdir.rows()]
    workdir.metrics.write_text(''.join(json.dumps(row) + '\n' for row in rows))
  made = drawing.read_rows(make({f'a{seed}': Workdir(tmp_path / f'a{seed}') for seed in (1, 2)}))
  drawn = drawing.draw(made, tmp_path, [('FCD', 'balance ratio')])
  assert {'balance_ratio', 'balance_ratio_at_the_end'} < set(drawn) and len(set(drawn)) == len(drawn)
  assert (tmp_path / 'balance_ratio.png').read_bytes() != (tmp_path / 'balance_ratio_at_the_end.png').read_bytes()


def test_the_band_is_the_interval_of_the_mean_and_of_two_seeds_both(tmp_path):
  frame = pd.DataFrame([[1.0, 2.0, 6.0], [4.0, 4.0, 4.0]])
  band = comparisons._band  # pylint: disable=protected-access
  np.testing.assert_allclose(band(frame), np.transpose([intervals.interval([1, 2, 6]), (4, 4)]))
  np.testing.assert_allclose(band(frame[[0, 1]]), [[1, 4], [2, 4]])


def test_a_value_that_stayed_is_not_lost_where_another_run_changed():
  side_by_side = comparisons._side_by_side  # pylint: disable=protected-access
  frame = side_by_side([pd.Series({1: 5.0, 4: 5.0}), pd.Series({1: 7.0, 2: 8.0, 5: 9.0})])
  assert frame.to_dict('index') == {1: {0: 5.0, 1: 7.0}, 2: {0: 5.0, 1: 8.0}, 4: {0: 5.0, 1: 8.0}}
