"""Seeds become spread: rows, intervals, figures, pages."""

import html.parser
import json
import math
import os
import pathlib
import re

import pandas as pd
from PIL import Image
import pytest

from tests.reports.test_records import columns
from tests.reports.test_records import run
from tf_stugan import cli
from tf_stugan import errors
from tf_stugan.reports import comparisons
from tf_stugan.reports import drawing
from tf_stugan.reports import figures
from tf_stugan.reports import intervals
from tf_stugan.reports import records
from tf_stugan.reports import rows as rows_lib
from tf_stugan.reports import run_folders
from tf_stugan.reports import tables
from tf_stugan.studies import plan as plans
from tf_stugan.studies.folder import Folder
from tf_stugan.studies.folder import Outcome
from tf_stugan.training.best_scores import best_score


def seeded(folder, name, seed, scores, method='static', **kwargs):
  workdir = run(folder, name, scores, **kwargs)
  workdir.config.write_text(
      f'# format\nfrom x import y\nMETHOD = {method!r}\nSEED = {seed}\ntrainer.Trainer.seed = \\\n    %SEED\n')
  workdir.metrics.write_text(workdir.metrics.read_text().replace(
      '"kind": "cost", "step": 3,', f'"kind": "cost", "step": 3, "method": "{method}",'))
  return workdir


def make(workdirs, **kwargs):
  return rows_lib.make_rows(rows_lib.name_rows(workdirs), **kwargs)


def test_runs_that_differ_in_their_seed_alone_are_a_row(tmp_path):
  asked = (('a_s1', 1, 'static'), ('b', 1, 'dense'), ('a_s2', 2, 'static'), ('a_s11', 11, 'static'))
  workdirs = {name: seeded(tmp_path, name, seed, [9.0, 4.0 + seed], method) for name, seed, method in asked}
  made = make(workdirs)
  assert [(row.name, row.method, len(row.runs), row.step) for row in made] == [('a', 'static', 3, 2), ('b', 'dense', 1, 2)]
  line = rows_lib.table(made).iloc[0]
  values = [5.0, 6.0, 15.0]
  mean, deviation = 26 / 3, math.sqrt(sum((v - 26 / 3)**2 for v in values) / 2)
  half = 4.302653 * deviation / math.sqrt(3)  # Student's t with two degrees of freedom, from a printed table
  assert (line['n'], line['FCD']) == (3, pytest.approx(mean))
  assert (line['FCD low'], line['FCD high']) == pytest.approx((mean - half, mean + half), rel=1e-5)
  assert line['best FCD'] == pytest.approx((5 + 6 + 9) / 3)


def test_runs_that_were_never_scored_at_one_step_count_at_their_own_last_ones(tmp_path, caplog):
  workdirs = {f'a_s{seed}': seeded(tmp_path, f'a_s{seed}', seed, [9.0] * seed) for seed in (1, 2, 3)}
  for seed, workdir in enumerate(workdirs.values(), 1):
    rows = [json.loads(line) for line in workdir.metrics.read_text().splitlines()]
    kept = [row for row in rows if row['kind'] != 'evaluation' or row['step'] == seed]  # the best one alone, say
    workdir.metrics.write_text(''.join(json.dumps(row) + '\n' for row in kept))
  row, = make(workdirs)
  assert [record['step'] for record in row.records] == [1, 2, 3] and row.step == 1
  assert 'no step at which all were scored' in caplog.text and 'a_s2: 2' in caplog.text


def test_scores_of_another_protocol_than_the_last_take_no_part(tmp_path):
  """A run went on with more images to score."""
  workdir = seeded(tmp_path, 'a_s1', 1, [80.0, 70.0, 20.0])
  text = workdir.metrics.read_text()
  workdir.metrics.write_text(text.replace('"generated_images": 10', '"generated_images": 5', 2))
  assert records.evaluated_steps(workdir) == [3] and records.curves(workdir)['fcd'] == ([3], [20.0])
  with pytest.raises(errors.UserError, match='no evaluation'):
    records.record(workdir, 2)


def extracted(folder, name, seed, asked, found):
  """Makes the last stage of a procedure that was asked for some CHANNELS, and has found others."""
  workdir = seeded(folder, f'{name}/extracted', seed, [4.0 + seed], multiply_adds=10 * seed)
  (workdir.checkpoints / 'step-00000004').mkdir(parents=True)
  (workdir.path.parent / 'config.gin').write_text(f"CHANNELS = {asked}\nDENSE = 'dense_{name}'\n")
  stage = f"CHANNELS = {found}\nDENSE = 'dense_{name}'\nprocedure.Experiment.stage = 'extracted'\n"
  workdir.config.write_text(f'{workdir.config.read_text()}{stage}')
  return {f'{name}/extracted': workdir}


def test_what_a_search_has_found_for_a_seed_makes_no_row_of_its_own(tmp_path):
  row, = make({name: workdir for seed in (1, 2) for name, workdir in extracted(
      tmp_path, f'a_s{seed}', seed, '{}', f"{{'generator': {{'norm': {seed}}}}}").items()})
  assert len(row.runs) == 2 and rows_lib.table([row])['G multiply-adds'].tolist() == [15]
  assert row.name == 'a' and [run.name for run in row.runs] == ['a_s1/extracted', 'a_s2/extracted']


def test_stages_of_a_network_that_was_asked_to_be_narrower_are_rows_of_their_own(tmp_path):
  narrow = "{'generator': {'norm': 1}}"
  rows = make(extracted(tmp_path, 'full_s1', 1, '{}', '{}') | extracted(tmp_path, 'narrow_s1', 1, narrow, narrow))
  assert [(row.name, len(row.runs)) for row in rows] == [('full', 1), ('narrow', 1)]


def test_the_same_seed_twice_makes_two_rows(tmp_path):
  workdirs = {}
  for name, seed in (('a_s1', 1), ('a_s2', 2), ('b_s1', 1)):
    workdirs |= extracted(tmp_path, name, seed, '{}', '{}')
  assert [(row.name, len(row.runs)) for row in make(workdirs)] == [('a', 2), ('b', 1)]


def test_a_stage_keeps_its_name_beside_others_and_where_it_is_not_the_last(tmp_path):
  workdirs = extracted(tmp_path, 'a_s1', 1, '{}', '{}') | extracted(tmp_path, 'b_s1', 1, "{'x': {}}", "{'x': {}}")
  search = seeded(tmp_path, 'b_s1/search', 1, [9.0])
  (search.checkpoints / 'step-00000004').mkdir(parents=True)
  search.config.write_text(search.config.read_text() + "procedure.Experiment.stage = 'search'\n")
  os.utime(search.config, (1, 1))  # began before what was extracted
  together = workdirs | {'b_s1/search': search}
  assert [row.name for row in make(together)] == ['a', 'b/extracted', 'b/search']
  assert [row.name for row in make({'b_s1/search': search})] == ['b/search']


def test_the_stages_of_a_procedure_stand_for_its_folder(tmp_path):
  for name in ('dense', 'extracted'):
    run(tmp_path / 'a', name, [9.0])
    (tmp_path / 'a' / name / 'checkpoints' / 'step-00000004').mkdir(parents=True)
  assert run_folders.list_runs(str(tmp_path / 'a')) == [str(tmp_path / 'a' / name) for name in ('dense', 'extracted')]
  assert run_folders.list_runs(str(tmp_path / 'a' / 'dense')) == [str(tmp_path / 'a' / 'dense')]
  (tmp_path / 'a.log').touch()  # which a pattern may name, too
  assert run_folders.list_runs(str(tmp_path / 'a.log')) == []


def test_a_run_that_is_still_training_is_compared_at_the_step_that_it_has_come_to(tmp_path):
  workdirs = {'a_s1': seeded(tmp_path, 'a_s1', 1, [9.0, 4.0, 1.0]), 'a_s2': seeded(tmp_path, 'a_s2', 2, [7.0, 6.0])}
  row, = make(workdirs)
  assert (row.step, [record['FCD'] for record in row.records]) == (2, [4.0, 6.0])
  runs = [r._replace(state=state) for r, state in zip(rows_lib.name_rows(workdirs), ('done', 'unfinished'), strict=True)]
  row, = rows_lib.make_rows(runs)
  assert (row.step, [record['FCD'] for record in row.records]) == (3, [1.0])


def score_again(workdir, name, value, conditions):
  """Adds a score to the last evaluation of a run, as metrics do that have conditions."""
  rows = workdir.rows()
  last = [row for row in rows if row['kind'] == 'evaluation'][-1]
  last |= {name: value, 'better': {'fcd': 'lower', **last.get('better', {}), name: 'higher'},
           'conditions': {**last.get('conditions', {}), name: conditions}}
  workdir.metrics.write_text(''.join(json.dumps(row) + '\n' for row in rows))


def test_scores_under_other_conditions_have_columns_of_their_own(tmp_path, capsys):
  for seed, clusters, precision in ((1, 20, 0.4), (2, 20, 0.6), (3, 50, 0.9)):
    workdir = seeded(tmp_path, f'a_s{seed}', seed, [9.0, 4.0 + seed])
    score_again(workdir, 'prd_f8', precision, f'{clusters} clusters')
    score_again(workdir, 'recall', precision, '3 neighbours')
  assert cli.main(['tf-stugan', 'report', f'--workdirs={tmp_path}/a_s*', f'--output={tmp_path}/report']) == 0
  line, = pd.read_csv(tmp_path / 'report' / 'rows.csv').to_dict('records')
  assert (line['n'], line['FCD'], line['RECALL']) == (3, pytest.approx(6), pytest.approx(1.9 / 3))
  assert (line['PRD_F8 (20 clusters)'], line['PRD_F8 (50 clusters)']) == (pytest.approx(0.5), pytest.approx(0.9))
  assert 'PRD_F8' not in line and 'RECALL: 3 neighbours' in capsys.readouterr().out
  assert pd.read_csv(tmp_path / 'report' / 'report.csv')['PRD_F8 (50 clusters)'].isna().tolist() == [True, True, False]


def test_first_scores_under_other_conditions_share_no_table(tmp_path, capsys):
  for seed, neighbours in ((1, 3), (2, 5)):
    score_again(seeded(tmp_path, f'a_s{seed}', seed, [9.0, 4.0]), 'fcd', 4.0, f'{neighbours} neighbours')
  assert cli.main(['tf-stugan', 'report', f'--workdirs={tmp_path}/a_s*', f'--output={tmp_path}/report']) == 0
  assert 'scored in 2 ways' in capsys.readouterr().err and len(list((tmp_path / 'report').iterdir())) == 2


def test_the_best_score_is_one_that_was_made_as_the_last_one(tmp_path):
  workdir = seeded(tmp_path, 'a', 1, [1.0, 5.0, 6.0])
  rows = workdir.rows()
  rows[0]['protocol'] = {**rows[0]['protocol'], 'generated_images': 5}  # which was changed on the way
  workdir.metrics.write_text(''.join(json.dumps(row) + '\n' for row in rows))
  assert records.record(workdir)['best FCD'] == 5.0


def test_rows_without_the_score_by_which_a_run_is_judged_now_are_none_of_its_best(tmp_path):
  workdir = seeded(tmp_path, 'a', 1, [1.0, 5.0, 6.0])
  rows = [{**row, 'better': {'fcd': 'lower'}} if row['kind'] == 'evaluation' else row for row in workdir.rows()]
  for row in rows[1:3]:  # the metrics were changed after the first evaluation; its protocol is theirs
    row |= {'kcd': row.pop('fcd') / 2, 'better': {'kcd': 'lower'}}
  workdir.metrics.write_text(''.join(json.dumps(row) + '\n' for row in rows))
  assert records.record(workdir)['best KCD'] == 2.5
  best = best_score(workdir.rows())
  assert (best.name, best.value, best.step) == ('kcd', 2.5, 2)


def test_one_value_has_no_interval():
  assert all(math.isnan(end) for end in intervals.interval([3.0]))


def test_words_and_latex(tmp_path):
  frame = pd.DataFrame([{'row': 'a_b & 5%', 'FCD': 18.34, 'FCD low': 16.0, 'FCD high': 20.68, 'D': 0.05},
                        {'row': 'c', 'FCD': 1.0, 'FCD low': math.nan, 'FCD high': math.nan, 'D': None}], dtype=object)
  words = tables.in_words(frame, ['row', 'FCD', 'D'], ['D'])
  assert words.to_numpy().tolist() == [['a_b & 5%', '18.3 ± 2.340', '0.05'], ['c', '1.000', '']]
  lines = tables.latex(words).splitlines()
  assert r'a\_b \& 5\% & 18.3 $\pm$ 2.340 & 0.05 \\' in lines and lines[0] == r'\begin{tabular}{lrr}'
  assert '| a\\|b |' in tables.markdown(pd.DataFrame({'x': ['a|b']}))


def test_figures_are_drawn_where_they_say_something(tmp_path):
  made = make({'a_s1': seeded(tmp_path, 'a_s1', 1, [9.0, 4.0]), 'a_s2': seeded(tmp_path, 'a_s2', 2, [8.0, 5.0]),
               'b': seeded(tmp_path, 'b', 1, [8.0, 8.0], 'dense', density=0.2)})
  drawn_of, path = drawing.read_rows(made), tmp_path / 'figure'
  table, curves = drawn_of.table, drawn_of.curves['fcd']
  assert drawn_of.scores == ['fcd']
  for draw, drawn in (
      (lambda: comparisons.plot_against(table, 'FCD', 'G density', path), True),
      (lambda: comparisons.plot_against(table[:1], 'FCD', 'G density', path), False),
      (lambda: comparisons.plot_against(table, 'FCD', 'method', path), True),
      (lambda: comparisons.plot_against(table, 'FCD', 'milliseconds', path), False),
      (lambda: comparisons.plot_curves(curves, drawn_of.methods, 'fcd', path, log_scale=True), True),
      (lambda: comparisons.plot_curves({'b': curves['b']}, drawn_of.methods, 'fcd', path), False),  # it stays
      (lambda: comparisons.plot_curves({}, drawn_of.methods, 'balance_ratio', path), False)):
    assert draw() == drawn
    for ending in ('.png', '.pdf'):
      assert path.with_suffix(ending).exists() == drawn
      path.with_suffix(ending).unlink(missing_ok=True)


def test_labels_keep_their_distance_and_their_order():
  placed = comparisons._spread({'a': 10.0, 'b': 10.5, 'c': 30.0, 'd': 11.0}, 4, 0)  # pylint: disable=protected-access
  heights = sorted(placed.values())
  assert sorted(placed, key=placed.get) == ['a', 'b', 'd', 'c']
  assert min(b - a for a, b in zip(heights, heights[1:], strict=False)) >= 4
  assert max(abs(placed[row] - y) for row, y in {'a': 10.0, 'b': 10.5, 'c': 30.0, 'd': 11.0}.items()) < 8


@pytest.fixture(name='study')
def make_study(tmp_path):
  """The folder of a study of two rows, with a run that diverged and one that failed."""
  folder, runs = Folder(tmp_path / 'my study'), []
  for name, seed, scores in (('thin', 1, [9.0, 4.0]), ('thin', 2, [8.0, 5.0]), ('wide', 1, [7.0, 2.0]),
                             ('wide', 2, [7.0, 900.0]), ('wide', 3, [])):
    setting = {'GENERATOR_WIDTH': 8 if name == 'thin' else 16, 'method': 'static'}
    runs.append(plans.Run(f'{name}_s{seed}', name, seed, setting, [], []))
    workdir = seeded(folder.path / 'runs', f'{name}_s{seed}', seed, scores)
    workdir.samples.mkdir()
    Image.new('RGB', (8, 8)).save(workdir.samples / 'step-00000002.png')
  folder.write(plans.Plan(runs, {}, [['score', 'GENERATOR_WIDTH'], ['score', 'step']]), 1)
  for entry in runs[:3]:
    folder.note(entry, Outcome('done', 0))
  folder.note(runs[3], Outcome('diverged', 4, 'The loss is NaN.'))
  folder.note(runs[4], Outcome('failed', 3, '<script>alert("x")</script> & more'))
  return folder


def report(folder, *flags):
  code = cli.main(['tf-stugan', 'report', f'--workdirs={folder.path}', f'--output={folder.report}', *flags])
  return code, {path.name: path for path in folder.report.iterdir()}


def test_a_study_has_rows_figures_and_reasons(study, capsys):
  code, files = report(study)
  assert code == 0
  assert {'report.md', 'report.tex', 'report.html', 'rows.csv', 'fcd.png', 'fcd.pdf', 'GENERATOR_WIDTH.pdf'} <= set(files)
  assert columns(files['rows.csv'], 'row', 'GENERATOR_WIDTH', 'n', 'FCD') == {
      ('thin', '8', '2', '4.5'), ('wide', '16', '1', '2.0')}
  out = capsys.readouterr().out
  assert re.search(r'\| wide_s2 +\| diverged +\| The loss is NaN\.', out) and re.search(r'\| wide_s3 +\| failed', out)
  assert '4.500 ± 6.353' in out  # t = 12.706 with one degree of freedom


def test_a_run_of_stages_counts_by_the_last_of_them(study):
  stages = study.path / 'runs' / 'wide_s1'
  for i, (name, score) in enumerate((('search', 6.0), ('extracted', 3.0))):
    stage = seeded(stages, name, 1, [score])
    (stages / name / 'checkpoints' / 'step-00000004').mkdir(parents=True)
    os.utime(stage.config, (i, i))
  (stages / 'metrics.jsonl').unlink()
  code, files = report(study)
  assert code == 0 and columns(files['rows.csv'], 'row', 'FCD') == {('thin', '4.5'), ('wide', '3.0')}


class Page(html.parser.HTMLParser):
  """What a browser would make of a page: texts of cells, sources of images, names of elements."""

  def __init__(self, text):
    super().__init__()
    self.cells, self.sources, self.elements, self._inside = [], [], [], False
    self.feed(text)

  def handle_starttag(self, tag, attrs):
    self.elements.append(tag)
    self.sources += [value for name, value in attrs if name in ('src', 'href')]
    if tag in ('td', 'th'):
      self.cells.append('')
      self._inside = True

  def handle_endtag(self, tag):
    self._inside = self._inside and tag not in ('td', 'th')

  def handle_data(self, data):
    if self._inside:
      self.cells[-1] += data


def test_the_page_needs_nothing_beside_itself_and_takes_no_name_for_markup(study):
  _, files = report(study)
  text = files['report.html'].read_text()
  found = Page(text)
  assert '<script>alert("x")</script> & more' in found.cells
  assert found.elements.count('script') == 1
  assert len(found.sources) >= 4 and all(source.startswith('data:image/png;base64,') for source in found.sources)
  assert 'http' not in re.sub('http-equiv', '', re.sub('base64,[^"]*', '', text))
  assert "default-src 'none'" in text and text.count('samples of ') == 2


def test_measurements_from_elsewhere_become_columns_and_figures(study, tmp_path):
  (tmp_path / 'phone.csv').write_text('row,milliseconds,device\nthin,3.5,p\nwide,7.25,p\nnobody,1,p\n')
  code, files = report(study, f'--measurements={tmp_path}/phone.csv', '--figure=FCD,D density')
  assert code == 0 and 'milliseconds.pdf' in files
  assert columns(files['rows.csv'], 'row', 'milliseconds') == {('thin', '3.5'), ('wide', '7.25')}
  (tmp_path / 'phone.csv').write_text('name,milliseconds\nthin,3.5\n')
  assert report(study, f'--measurements={tmp_path}/phone.csv')[0] == 2
  assert report(study, '--measurements=nothing.csv')[0] == 2


def test_forms_of_a_run_are_rows_of_their_own_where_they_were_measured(study, tmp_path, monkeypatch):
  monkeypatch.chdir(study.path)
  (tmp_path / 'times.csv').write_text(
      'run,form,bytes,milliseconds\nruns/thin_s1,,30,4\nruns/thin_s1,lowered,20,2\nruns/thin_s2,,30,6\nruns/thin_s2,lowered,20,3\n')
  drawn = {}
  def plot_against(table, what, against, path):
    drawn[against] = table
    return draw(table, what, against, path)
  draw = comparisons.plot_against
  monkeypatch.setattr(comparisons, 'plot_against', plot_against)
  code, files = report(study, f'--measurements={tmp_path}/times.csv')
  assert code == 0 and {'milliseconds.png', 'bytes.png'} <= set(files)
  assert columns(files['rows.csv'], 'row', 'method', 'n', 'milliseconds', 'bytes') == {
      ('thin', 'static', '2', '5.0', '30'), ('thin, lowered', 'static', '2', '2.5', '20'),
      ('wide', 'static', '1', '', '')}
  assert 'milliseconds' in files['report.md'].read_text()
  assert 'lowered' not in files['curves.csv'].read_text() and files['report.html'].read_text().count('samples of ') == 2


@pytest.mark.parametrize('low, high, written', [
    (3e5, 2e6, ['300k', '500k', '1M', '2M']), (0.3, 0.71, ['0.3', '0.4', '0.5', '0.6', '0.7']),
    (8, 70, ['10', '20', '30', '50']), (1e4, 2e8, ['10k', '100k', '1M', '10M', '100M'])])
def test_numbers_of_an_axis_are_few_and_plain(low, high, written):
  figure, axes = figures.axes('', '', '')
  axes.set_xscale('log')
  axes.set_xlim(low, high)
  figures.write_plainly(axes.xaxis)
  figure.draw_without_rendering()
  ticks = sorted([*axes.xaxis.get_major_ticks(), *axes.xaxis.get_minor_ticks()], key=lambda tick: tick.get_loc())
  shown = [tick.label1.get_text() for tick in ticks if low <= tick.get_loc() <= high]
  assert [text for text in shown if text] == written


def test_a_figure_of_what_forms_share_has_one_mark_for_all_of_them(tmp_path, monkeypatch):
  labels = []
  monkeypatch.setattr(comparisons, '_label', lambda figure, axes, points, *_: labels.append(list(points)))
  table = pd.DataFrame({'row': ['a', 'a, lowered', 'b'], 'method': ['x', 'x', 'y'], 'form': [None, 'lowered', None],
                        'FCD': [3.0, 3.0, 4.0], 'density': [0.1, 0.1, 1.0], 'milliseconds': [4.0, 2.0, 5.0]})
  for against in ('density', 'milliseconds'):
    assert comparisons.plot_against(table, 'FCD', against, tmp_path / against)
  assert labels == [['a', 'b'], ['a', 'a, lowered', 'b']]


def test_a_study_of_which_nothing_came_has_its_reasons(tmp_path, capsys):
  folder, run_ = Folder(tmp_path), plans.Run('a_s1', 'a', 1, {}, [], [])
  folder.write(plans.Plan([run_], {}), 1)
  folder.note(run_, Outcome('failed', 3, 'There are no data.'))
  code, files = report(folder)
  assert code == 0 and '| a_s1 | failed | There are no data. |' in files['report.md'].read_text()
  assert 'There are no data.' in files['report.html'].read_text()


def test_a_study_is_reported_alone(study, capsys):
  assert cli.main(['tf-stugan', 'report', f'--workdirs={study.path},{study.path}/runs/thin_s1', '--output=x']) == 2
  assert 'name it alone' in capsys.readouterr().err


def test_rows_of_a_run_that_is_being_written_are_read(tmp_path):
  workdir = seeded(tmp_path, 'a_s1', 1, [9.0, 4.0])
  with open(workdir.metrics, 'a') as file:
    file.write(json.dumps({'kind': 'train', 'step': 4})[:-4])
  row, = make({'a_s1': workdir})
  assert (row.name, row.step) == ('a', 2)
  assert pathlib.Path(row.runs[0].workdir.path).name == 'a_s1'
