"""What `tf-stugan report` does."""

from collections.abc import Mapping, Sequence
import glob
import logging
import os
import pathlib
import re
import sys
from typing import NamedTuple

from absl import flags

from tf_stugan import errors
from tf_stugan import output_files
from tf_stugan.commands.report_columns import Columns
from tf_stugan.reports import climbs
from tf_stugan.reports import drawing
from tf_stugan.reports import figures
from tf_stugan.reports import ladder_figures
from tf_stugan.reports import ladders
from tf_stugan.reports import page
from tf_stugan.reports import records as records_lib
from tf_stugan.reports import rescored
from tf_stugan.reports import rows as rows_lib
from tf_stugan.reports import score_curves
from tf_stugan.reports import tables
from tf_stugan.reports import verdicts
from tf_stugan.studies import folder as folders
from tf_stugan.studies.folder import Folder
from tf_stugan.training.workdir import Workdir
from tf_stugan.usage import report as usage

_LOG = logging.getLogger(__name__)


class _Asked(NamedTuple):
  """What a report is about.

  Attributes:
    runs: those that have begun.
    pairs: what is plotted against what.
    comparisons: of rows.
    planned: seeds by row, where a study tells them.
  """

  runs: Sequence[rows_lib.Run]
  pairs: Sequence[tuple[str, str]] = ()
  comparisons: Sequence[verdicts.Comparison] = ()
  planned: Mapping[str, Sequence[str]] = {}


def run(values: flags.FlagValues) -> None:
  paths = [p for pattern in map(os.path.expanduser, values.workdirs)
           for p in ([pattern] if os.path.isdir(pattern) else glob.glob(pattern))]
  asked = _find(paths, values)
  asked = asked._replace(pairs=[*asked.pairs, *map(usage.parse_figure, values.figure)],
                         comparisons=[*asked.comparisons, *map(_comparison, values.compare)])
  add = Columns(values)
  groups = _by_protocol(asked.runs)
  unfinished = [r for r in asked.runs if r.state not in ('', folders.DONE)]
  if not groups and not unfinished:
    raise errors.UserError('None of these runs has an evaluation yet.' if not values.features else
                           f'--features={values.features}: none of these runs was scored by such features.')
  if not groups:
    _write_files(values.output, [_reasons(unfinished)], {})
  if len(groups) > 1:
    _LOG.warning('These runs were scored in %d ways (data, features, numbers of images ...) that cannot be compared. Each '
                 'has its own table and folder.', len(groups))
  for output, group in zip(_folders(values.output, groups), groups, strict=True):
    _write(values, pathlib.Path(output), asked._replace(runs=group), unfinished, add)
  _write_ladders(values.output, climbs.read(paths, values.features), [run for group in groups for run in group])


def _comparison(text):
  row, other = usage.parse_comparison(text)
  return verdicts.Comparison(f'{row} beats {other}', [(row, other)])


def _find(paths, values):
  """Returns what was asked for."""
  studies = [folder for folder in map(Folder, paths) if folder.is_study()]
  if studies and len(paths) > len(studies):
    raise errors.UserError(f'{studies[0].path} is a study, which has a report of its own: name it alone, or with other '
                           f"studies, or its runs ('{studies[0].path}/runs/*').")
  asked = _of_studies(studies) if studies else _Asked(rows_lib.name_rows(records_lib.name_runs(
      run for path in paths for run in climbs.runs_of(path))))
  if not asked.runs:
    raise errors.UserError(f'--workdirs={",".join(values.workdirs)}: no folder there holds a run.')
  if values.features:
    asked = asked._replace(runs=[_rescored(run, values.features) for run in asked.runs])
  return asked


def _rescored(run, features):
  return run._replace(workdir=run.workdir and rescored.Rescored(str(run.workdir.path), features))


def _of_studies(studies: Sequence[Folder]) -> _Asked:
  """Returns the runs of studies that have begun, under their own names, and what the studies ask of them."""
  plans = [folder.read()['plan'] for folder in studies]
  names = [run.name for plan in plans for run in plan.runs]
  if again := next((name for name in names if names.count(name) > 1), None):
    raise errors.UserError(f'Two of these studies have a run {again}: report on one of them, or on folders of runs.')
  planned = {}
  for plan in plans:
    for entry in plan.runs:
      planned.setdefault(entry.row, []).append(str(entry.seed))
  return _Asked([run for folder, plan in zip(studies, plans, strict=True) for run in _of_study(folder, plan)],
                [tuple(pair) for plan in plans for pair in plan.figures],
                [verdicts.Comparison(*item) for plan in plans for item in plan.comparisons.items()], planned)


def _of_study(folder, plan):
  """Lists the runs of a study that have begun."""
  outcomes, runs = folder.outcomes(), []
  for planned in plan.runs:
    path, outcome = folder.workdir(planned), outcomes.get(planned.name)
    if outcome or path.exists():
      workdir = _scored(Workdir(str(path))) if path.exists() else None
      state, reason = (outcome.state, outcome.reason) if outcome else ('unfinished', '')
      runs.append(rows_lib.Run(planned.name, planned.row, workdir, planned.setting, state, reason, str(planned.seed)))
  return runs


def _scored(workdir):
  """Returns the workdir or, of a procedure that has no run of its own, that of the stage which began last."""
  return workdir if workdir.metrics.exists() else Workdir(str(workdir.path / workdir.last_stage()))


def _by_protocol(runs: Sequence[rows_lib.Run]) -> list[list[rows_lib.Run]]:
  """Puts scored runs together where their scores can be compared."""
  groups = {}
  for entry in runs:
    if entry.workdir and records_lib.evaluated_steps(entry.workdir):
      groups.setdefault(records_lib.protocol(entry.workdir), []).append(entry)
    elif entry.state != folders.FAILED:  # which is told in a table
      _LOG.warning('Left out: %s has no evaluation in its metrics.jsonl yet.', entry.name)
  return list(groups.values())


def _write_ladders(output, found, runs):
  """Writes tables and figures of ladders, with other runs beside them, one of each for every way of scoring."""
  protocols = list(dict.fromkeys(climb.protocol for climb in found))
  for i, protocol in enumerate(protocols, 1):
    chosen = [climb for climb in found if climb.protocol == protocol]
    curves = ladders.curves([*chosen, *climbs.of_runs(runs, chosen)])
    score = records_lib.title(chosen[0].score)
    stem = 'ladders' if len(protocols) == 1 else f'ladders_{i}'
    with output_files.new_files(pathlib.Path(output), 'tf-stugan report') as folder:
      (folder / f'{stem}.md').write_text(table := ladders.markdown(curves, score, protocol))
      (folder / f'{stem}.csv').write_text(ladders.comma_separated(curves, score))
      ladder_figures.plot_remaining(curves, score, folder / f'{stem}.png')
      ladder_figures.plot_costs(curves, score, folder / f'{stem}_cost.png')
      names = sorted(path.name for path in folder.iterdir())
    sys.stdout.write(f'\n{table}\n{output}/: {" ".join(names)}\n')


def _folders(output, groups):
  """Names a folder for each group: `output` itself, or folders in it that are numbered, and named after the data."""
  if len(groups) == 1:
    return [output]
  names = [re.sub(r'[^\w.]+', '-', str(records_lib.record(group[0].workdir)['data'])).strip('-') for group in groups]
  return [os.path.join(output, f'{i}-{name}') for i, name in enumerate(names, 1)]


def _write(values, output, asked, unfinished, add):
  """Writes a report on runs whose scores can be compared, and prints its tables."""
  runs, measured = asked.runs, add.with_forms(asked.runs)
  apart = records_lib.scores_apart(r.workdir for r in runs)
  rows = rows_lib.make_rows(measured, add, apart)
  found = [{**records_lib.record(r.workdir, apart=apart), 'run': r.name} for r in measured]
  found = [{**record, **add(r, record['step'])} for r, record in zip(measured, found, strict=True)]
  pairs = [*asked.pairs, *((usage.SCORE, name) for name in add.measured)]
  judged = _judge(asked, rows, apart)

  def draw(folder):
    if values.layers:
      for r in runs:
        figures.plot_layers(r.name, r.workdir, folder / f'layers_{r.name.replace("/", "_")}.png')
    return _draw(folder, rows, pairs)
  shown = _tables(values, rows, found, unfinished, add.measured)
  _write_files(output, [*_verdicts(judged), *shown], {
      'report.csv': tables.of_runs([
          {**record, 'row': r.row, 'seed': r.seed} for r, record in zip(measured, found, strict=True)]),
      'rows.csv': rows_lib.table(rows),
      'curves.csv': tables.curves({r.name: r.workdir for r in runs}),
      **({} if judged.empty else {'comparisons.csv': judged})}, [row for row in rows if not row.runs[0].form], draw)


def _judge(asked, rows, apart):
  """Returns the table of what was to be compared, as far as these runs say something of it."""
  known = {row.name for row in rows}
  comparisons = [c for c in asked.comparisons if known.intersection(name for pair in c.pairs for name in pair)]
  for name in dict.fromkeys(name for c in comparisons for pair in c.pairs for name in pair):
    if name not in known | set(asked.planned):
      _LOG.warning('A comparison names the row %s, which is not here; there are %s.', name, ', '.join(sorted(known)))
  better = {column: is_lower for run in asked.runs
            for column, is_lower in records_lib.lower_is_better(run.workdir, apart).items()}
  return verdicts.judge(comparisons, rows, asked.planned, better)


def _verdicts(judged):
  """Lists the table of verdicts by the first score, if there is one."""
  if judged.empty:
    return []
  shown = judged[judged['score'] == judged['score'].iloc[0]]
  columns = [column for column in judged if column not in ('difference low', 'difference high')]
  return [page.Table('Comparisons', tables.in_words(shown, columns), verdicts.NOTE)]


def _write_files(output, shown, frames, rows=(), draw=lambda folder: []):
  """Writes and prints the tables that are shown; writes those with all digits, figures, and the page with everything."""
  text = '\n'.join(f'{tables.markdown(table.words)}\n{table.note}' for table in shown)
  with output_files.new_files(pathlib.Path(output), 'tf-stugan report') as folder:
    (folder / 'report.md').write_text(text, encoding='utf-8')
    (folder / 'report.tex').write_text(tables.latex(shown[0].words), encoding='utf-8')
    for name, frame in frames.items():
      (folder / name).write_text(tables.comma_separated(frame), encoding='utf-8')
    title = _title(pathlib.Path(output))
    (folder / 'report.html').write_text(page.make(title, shown, draw(folder), rows), encoding='utf-8')
    names = sorted(path.name for path in folder.iterdir())
  sys.stdout.write(f'{text}\n{output}/: {" ".join(names)}\n')


def _title(output):
  """Returns what the page is called: the folder of a study, or that of the report."""
  return output.absolute().parent.name if (output.parent / 'study.json').exists() else output.absolute().name


def _tables(values, rows, found, unfinished, measured):
  """Makes rows over seeds, if there is anything to put together; runs; and those that did not come to their end."""
  frames = {'Runs': (tables.of_runs(found), tables.notes(found[0]))}
  if any(len(row.runs) > 1 or row.runs[0].setting for row in rows):
    frames = {'Rows': (rows_lib.table(rows), tables.ROWS_NOTE), **frames}
  shown, settings = [], rows_lib.settings(rows)
  for title, (frame, note) in frames.items():
    columns = list(frame.columns) if values.columns == 'all' else tables.main_columns(frame, found, settings, measured)
    shown.append(page.Table(title, tables.in_words(frame, columns, settings), note))
  return [*shown, *([_reasons(unfinished)] if unfinished else [])]


def _reasons(unfinished):
  """Returns the table of runs that did not come to their end."""
  lines = [{'run': r.name, 'state': r.state, 'reason': r.reason} for r in unfinished]
  return page.Table('Unfinished', tables.of_runs(lines), 'Runs that did not come to their end.\n')


def _draw(folder, rows, pairs):
  """Draws what says something; returns the PNGs, scores first."""
  drawn_of = drawing.of_rows(rows)
  asked = [(drawn_of.score if what == usage.SCORE else what, against) for what, against in pairs if against != usage.STEP]
  drawn = drawing.draw(drawn_of, folder, asked)
  for name, of_runs in score_curves.collect({r.name: r.workdir for row in rows for r in row.runs if not r.form}).items():
    drawn.append(f'{name.replace("/", "_")}_curve')
    score_curves.plot(of_runs, name, folder / f'{drawn[-1]}.png')
  return [folder / f'{file}.png' for file in drawn]
