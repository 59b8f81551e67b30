"""Whether a row beats another: differences by seed, worked by hand."""

import json
import math

import pandas as pd
import pytest

from tests.reports.test_rows import make
from tests.reports.test_rows import report
from tests.reports.test_rows import seeded
from tf_stugan import cli
from tf_stugan.reports import rows as rows_lib
from tf_stugan.reports import verdicts
from tf_stugan.studies import plan as plans
from tf_stugan.studies.folder import Folder
from tf_stugan.studies.folder import Outcome
from tf_stugan.training.workdir import Workdir

PAIR = verdicts.Comparison('explored beats fixed', [('explored', 'fixed')])


def rows_of(folder, **scores):
  """Rows by name, each run with its score at the end."""
  return make({f'{name}_s{seed}': seeded(folder, f'{name}_s{seed}', seed, [99.0, value], name)
               for name, values in scores.items() for seed, value in enumerate(values, 1)})


def judge(rows, *comparisons, planned=None, is_lower=True):
  return verdicts.judge(comparisons, rows, planned or {}, {'FCD': is_lower})


@pytest.mark.parametrize('explored, fixed, is_lower, verdict', [
    ([10.0, 12.0, 11.0], [15.0, 16.5, 16.0], True, 'yes'),
    ([10.0, 12.0, 11.0], [15.0, 16.5, 16.0], False, 'no'),
    ([15.0, 16.5, 16.0], [10.0, 12.0, 11.0], True, 'no'),
    ([10.0, 12.0, 19.0], [15.0, 16.5, 16.0], True, 'undecided')])
def test_the_interval_decides(tmp_path, explored, fixed, is_lower, verdict):
  line, = judge(rows_of(tmp_path, explored=explored, fixed=fixed), PAIR, is_lower=is_lower).to_dict('records')
  differences = [a - b for a, b in zip(explored, fixed, strict=True)]
  mean = sum(differences) / 3
  half = 4.302653 * math.sqrt(sum((d - mean)**2 for d in differences) / 2 / 3)  # Student's t, from a printed table
  assert (line['difference'], line['difference low'], line['difference high']) == pytest.approx(
      (mean, mean - half, mean + half), rel=1e-5)
  assert (line['verdict'], line['n'], line['planned']) == (verdict, 3, 3)


def test_differences_are_between_equal_seeds(tmp_path):
  """The spread over seeds, which both rows share, takes no part: in unpaired numbers these two could not be told apart."""
  rows = rows_of(tmp_path, explored=[10.0, 20.0, 30.0], fixed=[11.0, 21.2, 31.1])
  assert judge(rows, PAIR)['verdict'].tolist() == ['yes']
  rows = [row._replace(runs=row.runs[:2], records=row.records[:2]) if row.name == 'fixed' else row for row in rows]
  assert judge(rows, PAIR)['n'].tolist() == [2]


def test_pairs_count_together_and_each_seed_once(tmp_path):
  rows = rows_of(tmp_path, a=[1.0, 2.0], b=[3.0, 4.5], c=[5.0, 6.0], d=[7.0, 9.5])
  found = judge(rows, verdicts.Comparison('x', [('a', 'b'), ('c', 'd')]))
  assert found[['row', 'against', 'n', 'verdict']].to_numpy().tolist() == [
      ['a', 'b', 2, 'undecided'], ['c', 'd', 2, 'undecided'], ['all', 'all', 2, 'undecided']]
  whole = found.iloc[-1]
  half = 12.7062 * 0.5  # Student's t, from a printed table; of the means -2 and -3
  assert (whole['difference'], whole['difference low']) == pytest.approx((-2.5, -2.5 - half), rel=1e-5)


def test_pairs_of_seeds_of_their_own_are_independent(tmp_path):
  rows = rows_of(tmp_path, a=[1.0, 2.0], b=[3.0, 4.5], c=[5.0, 6.0], d=[7.0, 8.5])
  rows = [row._replace(runs=[run._replace(seed=f'1{run.seed}') for run in row.runs]) if row.name in 'cd' else row
          for row in rows]
  planned = {'a': ['1', '2'], 'b': ['1', '2'], 'c': ['11', '12', '13'], 'd': ['11', '12', '13']}
  found = judge(rows, verdicts.Comparison('x', [('a', 'b'), ('c', 'd')]), planned=planned)
  assert found[['n', 'planned', 'verdict']].to_numpy().tolist()[-1] == [4, 5, 'yes so far']


def test_a_seed_counts_together_once_it_has_all_of_its_pairs(tmp_path):
  rows = rows_of(tmp_path, a=[1.0, 2.0, 2.5], b=[3.0, 4.5, 5.0], c=[5.0], d=[7.0])
  planned = dict.fromkeys('abcd', ['1', '2', '3'])
  both = verdicts.Comparison('x', [('a', 'b'), ('c', 'd')])
  assert judge(rows, both, planned=planned)[['n', 'verdict']].to_numpy().tolist() == [
      [3, 'yes'], [1, 'undecided so far'], [1, 'undecided so far']]
  assert judge(rows[:2], both, planned=planned)[['n', 'verdict']].to_numpy().tolist() == [
      [3, 'yes'], [0, 'not run'], [0, 'not run']]
  elsewhere = {'a': ['1', '2', '3'], 'b': ['1', '2', '3']}  # the rows of the other pair belong to another study
  assert judge(rows[:2], both, planned=elsewhere)['verdict'].tolist() == ['yes', 'not run', 'yes so far']


def test_a_score_that_is_no_number_does_not_count(tmp_path):
  rows = rows_of(tmp_path, explored=[10.0, float('nan'), 11.0], fixed=[15.0, 16.5, 16.0])
  line, = judge(rows, PAIR).to_dict('records')
  assert (line['n'], line['difference']) == (2, -5)


def test_what_is_not_done_does_not_count(tmp_path):
  rows = rows_of(tmp_path, explored=[10.0, 12.0, 11.0], fixed=[15.0, 16.5, 16.0])
  runs = [run._replace(state='done' if run.row == 'explored' or run.seed != '3' else 'unfinished')
          for row in rows for run in row.runs]
  planned = {'explored': ['1', '2', '3'], 'fixed': ['1', '2', '3']}
  line, = judge(rows_lib.make_rows(runs), PAIR, planned=planned).to_dict('records')
  assert (line['n'], line['planned'], line['verdict']) == (2, 3, 'yes so far')
  waiting = [run._replace(state='unfinished') if run.row == 'fixed' else run for run in runs]
  assert judge(rows_lib.make_rows(waiting), PAIR, planned=planned)['verdict'].tolist() == ['not run']
  only = [run for run in runs if run.row == 'explored']
  assert judge(rows_lib.make_rows(only), PAIR, planned=planned)['verdict'].tolist() == ['not run']


def make_study(path, row, values, comparisons):
  folder, runs = Folder(path), []
  for seed, value in enumerate(values, 1):
    runs.append(plans.Run(f'{row}_s{seed}', row, seed, {'method': row}, [], []))
    seeded(path / 'runs', f'{row}_s{seed}', seed, [99.0, value], row)
  folder.write(plans.Plan(runs, {}, comparisons=comparisons), 1)
  for run in runs:
    folder.note(run, Outcome('done', 0))
  return folder


def test_a_row_of_one_study_is_compared_with_that_of_another(tmp_path, capsys):
  first = make_study(tmp_path / 'a', 'fixed', [15.0, 16.5, 16.0], {})
  second = make_study(tmp_path / 'b', 'explored', [10.0, 12.0, 11.0], {PAIR.name: PAIR.pairs})
  assert report(second)[0] == 0
  out, err = capsys.readouterr()
  assert 'rows that are not here, fixed; there are' in err and 'not run' in out
  assert cli.main(['tf-stugan', 'report', f'--workdirs={first.path},{second.path}', f'--output={tmp_path}/both']) == 0
  assert '-4.833 ± 0.717' in capsys.readouterr().out
  assert pd.read_csv(tmp_path / 'both' / 'comparisons.csv')['verdict'].tolist() == ['yes']
  assert 'explored beats fixed' in (tmp_path / 'both' / 'report.html').read_text()
  runs = f'{tmp_path}/a/runs/*,{tmp_path}/b/runs/*'
  assert cli.main(['tf-stugan', 'report', f'--workdirs={runs}', '--compare=a/runs/fixed,b/runs/explored',
                   f'--output={tmp_path}/runs']) == 0
  assert pd.read_csv(tmp_path / 'runs' / 'comparisons.csv')['verdict'].tolist() == ['no']


def test_what_other_features_saw_before_the_end_of_a_run_does_not_count(tmp_path):
  study = make_study(tmp_path / 'a', 'explored', [10.0, 12.0, 11.0], {PAIR.name: PAIR.pairs})
  other = make_study(tmp_path / 'b', 'fixed', [15.0, 16.5, 16.0], {})
  for folder in (study, other):
    for run in folder.read()['plan'].runs:
      workdir = Workdir(str(folder.workdir(run)))
      early = run.name == 'fixed_s1'  # was scored again while it was trained
      row = {**workdir.rows()[0], 'step': 1 if early else 3, 'strided_fcd': 1.0 if early else 20.0}
      row['protocol'] = {**row['protocol'], 'extractor': 'strided classifier def'}
      workdir.evaluations.write_text(json.dumps({**row, 'better': {'strided_fcd': 'lower'}}) + '\n')
  assert cli.main(['tf-stugan', 'report', f'--workdirs={study.path},{other.path}', '--features=strided',
                   f'--output={tmp_path}/both']) == 0
  line, = pd.read_csv(tmp_path / 'both' / 'comparisons.csv').to_dict('records')
  assert (line['n'], line['difference'], line['verdict']) == (2, 0, 'undecided so far')
  assert 'These features saw step 1 of 3' in (tmp_path / 'both' / 'report.html').read_text()


def test_scores_of_other_features_are_judged_by_themselves(tmp_path, capsys):
  for name, values in (('explored', [10.0, 12.0]), ('fixed', [15.0, 16.5])):
    for seed, value in enumerate(values, 1):
      workdir = seeded(tmp_path, f'{name}_s{seed}', seed, [99.0, value], name)
      protocol = {**workdir.rows()[0]['protocol'], 'extractor': 'strided classifier def'}
      workdir.evaluations.write_text(json.dumps(
          {'step': 2, 'strided_fcd': 100 - value, 'better': {'strided_fcd': 'lower'}, 'protocol': protocol}) + '\n')
  call = ['tf-stugan', 'report', f'--workdirs={tmp_path}/*_s*', '--compare=fixed,explored']
  assert cli.main([*call, '--features=strided', f'--output={tmp_path}/other']) == 0
  found = pd.read_csv(tmp_path / 'other' / 'comparisons.csv')
  assert found['score'].tolist() == ['STRIDED_FCD'] and found['difference'].tolist() == [-4.75]
  assert 'FCD' not in pd.read_csv(tmp_path / 'other' / 'report.csv')
  assert cli.main([*call, f'--output={tmp_path}/same']) == 0
  assert pd.read_csv(tmp_path / 'same' / 'comparisons.csv')['score'].tolist() == ['FCD']
  assert cli.main([*call, '--features=inception', f'--output={tmp_path}/none']) == 2
  assert '--features=inception' in capsys.readouterr().err
