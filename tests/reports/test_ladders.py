"""Tables and figures of ladders, from rows that a test writes."""

import json
import math
import os
import pathlib
import shutil

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tf_stugan import cli
from tf_stugan.reports import beside_ladders
from tf_stugan.reports import ladder_scores
from tf_stugan.reports import ladders
from tf_stugan.reports import records
from tf_stugan.reports import rows
from tf_stugan.studies import plan as plans
from tf_stugan.studies.folder import Folder
from tf_stugan.studies.folder import Outcome

STEPS = 100


def run(folder, scores, step_operations, before=None, data='digits', config='', method='x', density=1.0):
  """Writes a run with one score an evaluation; `before` is what it needed, in steps of the dense run."""
  folder.mkdir(parents=True)
  protocol = {'extractor': 'classifier abc', 'generated_images': 10, 'real_images': 20, 'data': data, 'generator': 'running'}
  cost = {'kind': 'cost', 'dense_step_operations': 10.0, 'method': method, 'generator/kept_parameters': 3,
          'generator/multiply_adds': 2, 'generator/dense_multiply_adds': 4}
  needed = {} if before is None else {'operations_before': 10.0 * before}
  lines = [{**cost, 'step': 0, 'step_operations': step_operations, **needed}]
  lines += [{'kind': 'evaluation', 'step': STEPS * (i + 1) // len(scores), 'fid': score, 'settled': True,
            'better': {'fid': 'lower'}, 'protocol': protocol} for i, score in enumerate(scores)]
  lines += [{'kind': 'train', 'step': STEPS, 'generator/density': density}] if density < 1 else []
  (folder / 'metrics.jsonl').write_text(''.join(json.dumps(row) + '\n' for row in lines))
  if config:
    (folder / 'config.gin').write_text(f"Experiment.stage = '{folder.name}'\n{config}")


def ladder(folder, method, dense, rounds, seed=1, rewind=0.0, dense_at='dense', data='digits', config=''):
  """Writes a ladder whose i-th round computes 0.8^i of a dense step, and needed i dense runs."""
  if dense_at == 'dense':
    run(folder / 'dense', dense, 10.0, data=data)
  names = {f'round-{i:02d}': 0.8**i for i in range(1, len(rounds) + 1)}
  for i, ((name, left), scores) in enumerate(zip(names.items(), rounds, strict=True), 1):
    run(folder / name, scores, 10.0 * left, i * STEPS, data, config, density=left)
  (folder / 'ladder.json').write_text(json.dumps({
      'method': method, 'seed': seed, 'initial_seed': seed, 'dense': dense_at, 'rewind': rewind, 'rounds': names}))
  return str(folder)


def read(paths):
  """Returns the curves of ladders."""
  return ladders.curves(ladders.rounds(ladder_scores.read(paths)))


def test_best_is_the_lowest_score_and_extreme_the_sparsest_that_still_matches(tmp_path):
  path = ladder(tmp_path / 'a', 'IMP_G', [20.0, 16.0, 17.0], [[15.0], [14.0, 13.0], [15.5], [16.0, 16.5], [18.0]])
  curve, = read([path])
  assert [point.mean for point in curve.points] == [15.0, 13.0, 15.5, 16.0, 18.0]  # the best of each run
  assert (curve.dense.mean, curve.best.index, curve.extreme.index) == (16.0, 2, 4)  # as good as dense is a match
  assert curve.extreme.remaining == pytest.approx(0.4096)
  assert math.isnan(curve.best.half_width)


def test_no_round_may_match(tmp_path):
  path = ladder(tmp_path / 'a', 'RP', [10.0], [[11.0], [12.0]])
  curve, = read([path])
  assert curve.extreme is None and curve.best.index == 1
  line, = ladders.table(ladders.rounds(ladder_scores.read([path]))).to_dict('records')
  assert (line['best FID'], line['best at'], line['extreme FID'], line['extreme at']) == ('11', '80.00%', '-', '-')


def test_a_round_that_is_still_trained_does_not_count(tmp_path):
  path = tmp_path / 'a'
  ladder(path, 'IMP_G', [20.0, 16.0], [[15.0, 14.0], [30.0, 17.0]])
  lines = (path / 'round-02' / 'metrics.jsonl').read_text().splitlines(keepends=True)
  (path / 'round-02' / 'metrics.jsonl').write_text(''.join(line for line in lines if f'"step": {STEPS}' not in line))
  curve, = read([str(path)])
  assert [point.mean for point in curve.points] == [14.0]


def test_seeds_of_a_method_are_one_curve_with_a_t_interval(tmp_path):
  scores = [14.0, 15.0, 17.0, 13.0, 16.0]
  paths = [ladder(tmp_path / f's{i}', 'IMP_G', [15.0 + i], [[score]], seed=i) for i, score in enumerate(scores)]
  curve, = read(paths)
  point, = curve.points
  low, high = stats.t.interval(0.95, 4, np.mean(scores), stats.sem(scores))
  assert (point.seeds, point.mean - point.half_width, point.mean + point.half_width) == (
      5, pytest.approx(low), pytest.approx(high))
  assert curve.dense.mean == 17.0


def test_the_same_method_and_seed_twice_are_two_curves_by_their_folders(tmp_path):
  paths = [ladder(tmp_path / name, 'IMP_G', [15.0], [[14.0]]) for name in ('fast', 'slow')]
  assert [curve.method for curve in read(paths)] == ['IMP_G (fast)', 'IMP_G (slow)']


def test_a_point_costs_all_training_that_it_needed(tmp_path):
  path = ladder(tmp_path / 'a', 'late rewinding', [15.0], [[14.0]] * 2, rewind=0.2)
  curve, = read([path])
  assert curve.method == 'late rewinding 20%' and curve.procedure == 'late rewinding'
  assert [point.cost for point in curve.points] == pytest.approx([1 + 0.8, 2 + 0.64])
  told = (tmp_path / 'a' / 'round-01' / 'metrics.jsonl').read_text()
  (tmp_path / 'a' / 'round-01' / 'metrics.jsonl').write_text(told.replace('operations_before', 'unknown'))
  assert [math.isnan(point.cost) for point in read([path])[0].points] == [True, False]


def test_a_ladder_that_cannot_be_drawn_is_named_with_the_reason(tmp_path, caplog):
  path = pathlib.Path(ladder(tmp_path / 'a', 'IMP_G', [15.0], [[14.0]]))
  further = json.dumps({'kind': 'train', 'step': 10**6}) + '\n'
  with open(path / 'dense' / 'metrics.jsonl', 'a') as file:
    file.write(further)
  assert not ladder_scores.read([path])
  assert 'no scored round has come to step 1,000,000, where its dense run is' in caplog.text
  caplog.clear()
  shutil.rmtree(path / 'dense')
  assert not ladder_scores.read([path]) and 'its dense run, dense, is not there' in caplog.text


def test_a_round_that_one_seed_has_is_held_against_the_dense_run_of_that_seed(tmp_path):
  paths = [ladder(tmp_path / 's1', 'IMP_G', [10.0], [[9.0], [12.0]], seed=1),
           ladder(tmp_path / 's2', 'IMP_G', [20.0], [[19.0]], seed=2)]
  curve, = read(paths)
  assert curve.dense.mean == 15.0 and curve.extreme.index == 1  # 12 is below 15, and above 10


def test_the_best_ticket_is_one_that_all_seeds_have(tmp_path):
  paths = [ladder(tmp_path / 's1', 'IMP_G', [15.0], [[11.0], [12.0]], seed=1),
           ladder(tmp_path / 's2', 'IMP_G', [25.0], [[21.0]], seed=2)]
  curve, = read(paths)
  assert (curve.best.index, curve.best.mean, curve.extreme.index) == (1, 16.0, 1)


def test_ladders_of_a_method_that_differ_in_more_than_their_seeds_are_two_curves(tmp_path):
  text = "SEED = {0}\nDENSE = 'd{0}'\nROUNDS = {0}\nRATE = {1}\nTICKETS = '{2}'\n"
  sources = {seed: ladder(tmp_path / f'imp_s{seed}', 'IMP_G', [15.0], [[14.0]], seed) for seed in (1, 2)}
  for seed, path in sources.items():
    (tmp_path / path / 'config.gin').write_text(f'SEED = {seed}\nRATE = 0.2\n')
  def read_rates(*seeds_and_rates):
    paths = [ladder(tmp_path / f'{rate}_s{seed}', 'RT', [15.0], [[14.0]], seed,
                    config=text.format(seed, rate, sources[seed])) for seed, rate in seeds_and_rates]
    return [(curve.method, curve.points[0].seeds) for curve in read(paths)]
  assert read_rates((1, 0.2), (2, 0.2)) == [('RT', 2)]
  assert read_rates((1, 0.3), (2, 0.4)) == [('RT (0.3)', 1), ('RT (0.4)', 1)]


def test_rounds_that_were_scored_in_another_way_than_the_dense_run_are_left_out(tmp_path, caplog):
  path = tmp_path / 'a'
  ladder(path, 'IMP_G', [16.0], [[15.0], [14.0]])
  rows = (path / 'round-02' / 'metrics.jsonl').read_text()
  (path / 'round-02' / 'metrics.jsonl').write_text(rows.replace('"generated_images": 10', '"generated_images": 11'))
  found, = ladder_scores.read([str(path)])
  assert found.scores == {1: 15.0} and f'{path}/round-02' in caplog.text and 'round-01' not in caplog.text


def test_a_ladder_is_reported_by_the_features_that_are_asked_for(tmp_path):
  path = tmp_path / 'a'
  ladder(path, 'IMP_G', [16.0], [[15.0]])
  for name, score in (('dense', 3.0), ('round-01', 4.0)):
    row = {'step': STEPS, 'other_fid': score, 'better': {'other_fid': 'lower'},
           'protocol': {'extractor': 'strided classifier', 'generated_images': 10, 'real_images': 20, 'data': 'digits'}}
    (path / name / 'evaluations.jsonl').write_text(json.dumps(row) + '\n')
  found, = ladder_scores.read([str(path)], 'strided classifier')
  assert (found.score, found.dense, found.scores) == ('other_fid', 3.0, {1: 4.0})
  assert found.costs == pytest.approx({1: 1.8})


def test_the_command_reports_rounds_and_ladders_with_a_dense_run_elsewhere(tmp_path, capsys):
  first = ladder(tmp_path / 'imp', 'IMP_G', [16.0], [[15.0], [17.0]])
  ladder(tmp_path / 'omp', 'OMP_G', None, [[15.5], [18.0]], dense_at=f'{first}/dense')
  output = tmp_path / 'report'
  assert cli.main(['tf-stugan', 'report', f'--workdirs={tmp_path}/*mp', f'--output={output}']) == 0
  told = capsys.readouterr().out
  for name in ('imp/dense', 'imp/round-02', 'omp/round-01', 'IMP_G', 'OMP_G', '80.00%'):
    assert name in told
  assert told.count('imp/dense') == 1
  for name in ('ladders.csv', 'ladders.png', 'ladders.pdf', 'ladders_cost.png', 'report.md'):
    assert (output / name).stat().st_size > 100
  page = (output / 'report.html').read_text()
  assert 'alt="ladders"' in page and 'alt="ladders_cost"' in page and 'Best: the round' in page
  frame = pd.read_csv(output / 'ladders.csv')
  assert ladders.score(frame) == 'FID'
  assert [(curve.method, curve.best.index, curve.extreme.index) for curve in ladders.curves(frame)] == [
      ('IMP_G', 1, 1), ('OMP_G', 1, 1)]
  assert 'OMP_G,OMP_G,1,1,0.8,FID,lower,15.5,1.8' in (output / 'ladders.csv').read_text().splitlines()


def test_a_study_has_its_ladders_and_what_stands_beside_them(tmp_path, capsys):
  folder, entries = Folder(tmp_path / 'study'), []
  for row in ('imp', 'omp', 'static'):
    for seed in (1, 2):
      entries.append(plans.Run(f'{row}_s{seed}', row, seed, {'METHOD': row}, [], []))
      place = folder.workdir(entries[-1])
      config = f'SEED = {seed}\nMETHOD = {row!r}\n'
      if row == 'static':
        run(place, [14.0 + seed], 6.4, config=config, method='static', density=0.64)
        continue
      ladder(place, f'{row.upper()}_G', [15.0 + seed], [[14.0 + seed], [20.0 + seed]], seed, config=config)
      (place / 'dense' / 'config.gin').write_text(config)
      for i, name in enumerate(('dense', 'round-01', 'round-02')):
        (place / name / 'checkpoints' / f'step-{STEPS:08}').mkdir(parents=True)
        os.utime(place / name / 'config.gin', (i, i))
  folder.write(plans.Plan(entries, {}), 1)
  for entry in entries:
    folder.note(entry, Outcome('done', 0))
  output = tmp_path / 'report'
  assert cli.main(['tf-stugan', 'report', f'--workdirs={folder.path}', f'--output={output}']) == 0
  assert 'IMP_G' in capsys.readouterr().out
  rows_ = pd.read_csv(output / 'rows.csv')
  assert rows_[['row', 'n', 'FID']].to_numpy().tolist() == [['imp', 2, 21.5], ['omp', 2, 21.5], ['static', 2, 15.5]]
  found = [[curve.method, point.index, point.seeds, point.mean, point.cost]
           for curve in ladders.curves(pd.read_csv(output / 'ladders.csv')) for point in (curve.dense, *curve.points)]
  assert found == [
      [method, i, 2, score, pytest.approx(cost)] for method, lines in {
          'IMP_G': [(0, 16.5, 1), (1, 15.5, 1.8), (2, 21.5, 2.64)], 'OMP_G': [(0, 16.5, 1), (1, 15.5, 1.8), (2, 21.5, 2.64)],
          'static': [(0, 16.5, 1), (1, 15.5, 0.64)]}.items() for i, score, cost in lines]


def test_other_data_have_a_table_of_their_own(tmp_path):
  ladder(tmp_path / 'imp', 'IMP_G', [16.0], [[15.0]])
  ladder(tmp_path / 'other', 'transfer', [9.0], [[8.0]], data='stl10')
  output = tmp_path / 'report'
  assert cli.main(['tf-stugan', 'report', f'--workdirs={tmp_path}/imp,{tmp_path}/other', f'--output={output}']) == 0
  first, second = ((output / name / 'report.md').read_text() for name in ('1-digits', '2-stl10'))
  assert '| IMP_G' in first and '| transfer' in second and '| transfer' not in first


def test_runs_of_a_method_stand_beside_ladders_with_what_they_cost_themselves(tmp_path):
  paths = [ladder(tmp_path / 'imp', 'IMP_G', [16.0], [[15.0], [17.0]])]
  for name, density, score in (('a', 0.8, 15.5), ('b', 0.64, 20.0), ('dense', 1.0, 15.0)):
    run(tmp_path / f'static_{name}', [30.0, score], 10.0 * density, method='static', density=density)
  run(tmp_path / 'still_trained', [12.0], 5.0, method='static', density=0.7, config=f'NUM_STEPS = {2 * STEPS}')
  run(tmp_path / 'elsewhere', [1.0], 5.0, method='static', density=0.5, data='stl10')
  runs = rows.name_rows(records.name_runs([*map(str, tmp_path.glob('imp/*')), *map(str, tmp_path.iterdir())]))
  found = ladder_scores.read(paths)
  beside, = beside_ladders.read(runs, found)
  assert (beside.method, beside.dense) == ('static', 16.0)
  assert (beside.scores, beside.remaining) == ({1: 15.5, 2: 20.0}, {1: 0.8, 2: 0.64})
  assert beside.costs == pytest.approx({1: 0.8, 2: 0.64})
  assert [curve.method for curve in ladders.curves(ladders.rounds([*found, beside]))] == ['IMP_G', 'static']
  run(tmp_path / 'blocks', [18.0], 8.0, method='static', density=0.8, config='SEED = 7')  # of another row
  again = beside_ladders.read(rows.name_rows(records.name_runs(map(str, tmp_path.iterdir()))), found)
  assert {each.method: each.scores for each in again} == {
      'static (static_a)': {1: 15.5}, 'static (static_b)': {1: 20.0}, 'static (blocks)': {1: 18.0}}


def test_a_ladder_that_has_only_begun_is_left_out(tmp_path):
  (tmp_path / 'a').mkdir()
  (tmp_path / 'a' / 'ladder.json').write_text(json.dumps({
      'method': 'IMP_G', 'seed': 1, 'dense': 'dense', 'rewind': 0.0, 'rounds': {'round-01': 0.8}}))
  assert ladder_scores.read([str(tmp_path / 'a'), str(tmp_path)]) == []
