"""Tables over runs, from rows that a test writes."""

import csv
import json
import math

import pytest

from tf_stugan import cli
from tf_stugan import errors
from tf_stugan.reports import records as records_lib
from tf_stugan.reports import rescored
from tf_stugan.reports import tables
from tf_stugan.training.workdir import Workdir


def run(folder, name, scores, density=0.1, data='digits', multiply_adds=20):
  (folder / name).mkdir(parents=True)
  workdir = Workdir(folder / name)
  protocol = {'extractor': 'classifier abc', 'generated_images': 10, 'real_images': 20,
              'generator': 'running statistics', 'data': data}
  cost = {f'{player}/{key}': value for player in ('generator', 'discriminator') for key, value in {
      'kept_parameters': 30, 'multiply_adds': multiply_adds, 'dense_multiply_adds': 100, 'method': 'StaticSparse'}.items()}
  rows = [{'kind': 'evaluation', 'step': i + 1, 'fcd': score, 'protocol': protocol} for i, score in enumerate(scores)]
  rows += [{'kind': 'train', 'step': 3, 'generator/density': density, 'generator/exploration_rate': 0.4},
           {'kind': 'cost', 'step': 3, **cost}]
  workdir.metrics.write_text(''.join(json.dumps(row) + '\n' for row in rows))
  return workdir


def test_a_record_tells_last_and_best_score_cost_and_exploration(tmp_path):
  record = records_lib.record(run(tmp_path, 'a', [9.0, 4.0, 5.0]))
  expected = {'run': 'a', 'method': 'StaticSparse', 'step': 3, 'FCD': 5.0, 'best FCD': 4.0, 'best FCD at step': 2,
              'G density': 0.1, 'G parameters': 30, 'G multiply-adds': 20,
              'G multiply-adds / dense': 0.2, 'G explored': 0.4, 'D density': 1.0}
  assert {key: record[key] for key in expected} == expected


def test_small_numbers_keep_three_digits():
  frame = tables.tabulate([{'run': 'a', 'KID': 0.00312, 'FCD': 12.34, 'density': 0.1}])
  assert tables.in_words(frame, list(frame.columns)).iloc[0].tolist() == ['a', '0.00312', '12.3', '0.100']


def test_tables(tmp_path):
  records = [records_lib.record(run(tmp_path, name, [score])) for name, score in (('a', 1.0), ('b', 2.0))]
  frame = tables.tabulate(records)
  lines = tables.markdown(tables.in_words(frame, list(frame.columns))).splitlines()
  assert len(lines) == 4 and lines[2].split('|')[1:4] == [' a   ', ' StaticSparse ', ' 1    ']
  assert len({len(line) for line in lines}) == 1
  main = tables.main_columns(frame, records)
  assert 'G density' in main and 'extractor' in lines[0] and 'extractor' not in main
  assert tables.notes(records[0]).splitlines()[0] == (
      'Scores on digits: classifier abc; 10 / 20 generated / real images; running statistics.')
  assert tables.comma_separated(frame).splitlines()[2].startswith('b,StaticSparse,1,')


def test_what_was_scored_is_told_in_the_words_of_any_version(tmp_path):
  before, now = (run(tmp_path, name, [1.0]) for name in ('before', 'now'))
  now.metrics.write_text(now.metrics.read_text().replace('"generator":', '"scored":'))
  assert records_lib.protocol(before) == records_lib.protocol(now)
  assert {records_lib.record(workdir)['scored'] for workdir in (before, now)} == {'running statistics'}


def test_a_run_without_a_label_is_called_by_the_methods_of_its_players(tmp_path):
  workdir = run(tmp_path, 'a', [1.0])
  text = workdir.metrics.read_text().replace('generator/', 'painter/').replace('discriminator/', 'critic/')
  workdir.metrics.write_text(text.replace('"painter/method": "StaticSparse"', '"painter/method": "EveryNth"', 1))
  assert records_lib.record(workdir)['method'] == 'EveryNth, StaticSparse'


def test_the_cost_of_training_is_added_up_over_the_masks_of_each_step(tmp_path):
  workdir = run(tmp_path, 'a', [9.0] * 10)
  costs = [(0, 100.0), (4, 40.0), (6, 60.0), (10, 60.0)]
  rows = [{'kind': 'cost', 'step': step, 'step_operations': operations, 'dense_step_operations': 100.0}
          for step, operations in costs]
  evaluations = [row for row in workdir.rows() if row['kind'] == 'evaluation']
  workdir.metrics.write_text(''.join(json.dumps(row) + '\n' for row in [
      *evaluations, *({**row, **{f'{player}/{key}': 1 for player in ('generator', 'discriminator') for key in (
          'kept_parameters', 'multiply_adds', 'dense_multiply_adds')}} for row in rows)]))
  record = records_lib.record(workdir)
  assert record['training FLOPs'] == 4 * 100 + 2 * 40 + 4 * 60
  assert record['training FLOPs / dense'] == 720 / 1000 and 'all training FLOPs / dense' not in record
  text = workdir.metrics.read_text()
  workdir.metrics.write_text(text.replace('"kind": "cost"', '"kind": "cost", "operations_before": 1000.0', 1))
  assert records_lib.record(workdir)['all training FLOPs / dense'] == 1720 / 1000


def test_curves(tmp_path):
  workdir = run(tmp_path, 'a', [9.0, 4.0])
  assert records_lib.curves(workdir)['fcd'] == ([1, 2], [9.0, 4.0])
  assert 'a,fcd,2,4.0' in tables.comma_separated(tables.curves({'a': workdir})).splitlines()


def test_values_that_stay_are_written_at_their_first_and_last_step(tmp_path):
  workdir = run(tmp_path, 'a', [9.0, 9.0, 9.0, 4.0, 4.0, 4.0])
  lines = [line for line in tables.comma_separated(tables.curves({'a': workdir})).splitlines() if ',fcd,' in line]
  assert lines == ['a,fcd,1,9.0', 'a,fcd,4,4.0', 'a,fcd,6,4.0']


def test_scores_of_a_network_that_was_still_dense_are_not_the_best_of_a_pruned_one(tmp_path):
  workdir = run(tmp_path, 'a', [3.0, 6.0, 5.0])
  rows = [{**row, 'settled': row['step'] > 1} if row['kind'] == 'evaluation' else row for row in workdir.rows()]
  workdir.metrics.write_text(''.join(json.dumps(row) + '\n' for row in rows))
  assert records_lib.record(workdir)['best FCD'] == 5.0


def test_a_damaged_line_or_checkpoint_does_not_hide_a_run(tmp_path):
  workdir = run(tmp_path, 'a', [3.0, 6.0, 5.0])
  lines = workdir.metrics.read_text().splitlines()
  workdir.metrics.write_text('\n'.join([lines[0], 'garbage', *lines[1:]]) + '\n')
  (workdir.checkpoints / 'step-00000003').mkdir(parents=True)
  (workdir.checkpoints / 'step-00000003' / 'state.json').write_text('{')
  (workdir.checkpoints / 'step-00000003.corrupt').mkdir()
  record = records_lib.record(workdir)
  assert record['FCD'] == 5.0 and math.isnan(record['train minutes'])
  (workdir.checkpoints / 'step-00000003' / 'state.json').write_text('{"train_seconds": 60}')  # as older versions wrote it
  record = records_lib.record(workdir)
  assert record['train minutes'] == 1 and math.isnan(record['evaluation minutes'])


def test_the_size_of_the_exported_file_is_a_column(tmp_path):
  workdir = run(tmp_path, 'a', [3.0])
  assert 'bytes' not in records_lib.record(workdir)
  (workdir.path / 'generator.tflite').write_bytes(b'x' * 321)
  assert records_lib.record(workdir)['bytes'] == 321


def test_a_run_without_an_evaluation_is_named(tmp_path):
  with pytest.raises(errors.UserError, match='no evaluation'):
    records_lib.record(run(tmp_path, 'a', []))


def columns(path, *names):
  with path.open() as file:
    return {tuple(row[name] for name in names) for row in csv.DictReader(file)}


def report(tmp_path):
  """Exit code of `tf-stugan report`."""
  return cli.main(['tf-stugan', 'report', f'--workdirs={tmp_path}/grid/*/s1', f'--output={tmp_path}/report', '--layers'])


def test_runs_are_named_by_what_tells_their_paths_apart(tmp_path, capsys):
  for i, name in enumerate('abc'):
    run(tmp_path, f'grid/{name}/s1', [9.0 + i, 4.0 + i], density=0.1 * (i + 1))
  assert report(tmp_path) == 0
  table = [line.split('|')[1].strip() for line in capsys.readouterr().out.splitlines() if line.startswith('| ')]
  assert table[2:] == ['a/s1', 'b/s1', 'c/s1']
  curves = columns(tmp_path / 'report' / 'curves.csv', 'run', 'quantity', 'value')
  assert {row for row in curves if row[1] == 'fcd'} == {
      (f'{name}/s1', 'fcd', str(score + i)) for i, name in enumerate('abc') for score in (9.0, 4.0)}
  assert columns(tmp_path / 'report' / 'report.csv', 'run') == {('a/s1',), ('b/s1',), ('c/s1',)}


def test_what_is_named_and_is_no_run_is_told(tmp_path, capsys):
  run(tmp_path, 'grid/a/s1', [9.0])
  run(tmp_path, 'grid/b/s1', [9.0]).metrics.unlink()
  (tmp_path / 'grid' / 'c').mkdir()
  (tmp_path / 'grid' / 'c' / 's1').touch()  # a file, which no pattern means
  assert report(tmp_path) == 0
  warning, = (line for line in capsys.readouterr().err.splitlines() if 'metrics.jsonl' in line)
  assert f'{tmp_path}/grid/b/s1' in warning and 'grid/a' not in warning and 'grid/c' not in warning
  for missing in (f'{tmp_path}/grod/*', f'{tmp_path}/grid/d'):
    flags = [f'--workdirs={tmp_path}/grid/*/s1,{missing}', f'--output={tmp_path}/other']
    assert cli.main(['tf-stugan', 'report', *flags]) == 2
    error, = (line for line in capsys.readouterr().err.splitlines() if missing in line)
    assert 'there is no such folder' in error
  assert not (tmp_path / 'other').exists()


def test_a_run_that_is_named_twice_stands_there_once_and_one_within_another_has_a_longer_name(tmp_path):
  run(tmp_path, 'a', [9.0])
  run(tmp_path, 'a/more', [8.0])
  paths = [tmp_path / 'a', tmp_path / 'a' / 'more', tmp_path / 'b' / '..' / 'a', tmp_path / 'nothing']
  (tmp_path / 'b').mkdir()
  assert list(records_lib.name_runs(map(str, paths))) == ['a', 'a/more']
  assert list(records_lib.name_runs([str(tmp_path / 'a' / 'more')])) == ['more']


def test_scores_that_cannot_be_compared_share_no_table_and_no_figure(tmp_path, capsys):
  for name, data in (('a', 'digits'), ('b', 'cifar10/train'), ('c', 'digits'), ('d', 'cifar10 (train)')):
    run(tmp_path, f'grid/{name}/s1', [9.0, 4.0], data=data)
  assert report(tmp_path) == 0
  out, err = capsys.readouterr()
  assert 'scored in 3 ways' in err and out.count('Scores on ') == 3
  runs = {folder.name: columns(folder / 'curves.csv', 'run') for folder in (tmp_path / 'report').iterdir()}
  assert runs == {'1-digits': {('a/s1',), ('c/s1',)}, '2-cifar10-train': {('b/s1',)}, '3-cifar10-train': {('d/s1',)}}
  assert all((folder / 'fcd.png').exists() for folder in (tmp_path / 'report').iterdir())


@pytest.mark.parametrize('features, steps', [
    ('classifier', [1, 2]), ('strided classifier', [2]), ('class', []), ('abc', [])])
def test_features_are_named_by_the_first_words_of_their_description(features, steps, tmp_path):
  workdir = run(tmp_path, 'a', [9.0, 4.0])
  row = {**workdir.rows()[1], 'protocol': {**workdir.rows()[1]['protocol'], 'extractor': 'strided classifier d'}}
  workdir.evaluations.write_text(json.dumps(row) + '\n')
  found = rescored.Rescored(str(workdir.path), features)
  assert [row['step'] for row in found.rows() if row['kind'] == 'evaluation'] == steps
