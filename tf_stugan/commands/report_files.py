"""What a report on runs whose scores can be compared consists of: its tables, its figures, and the page with all of it."""

from collections.abc import Mapping, Sequence
import logging
import pathlib
import sys
from typing import NamedTuple

from absl import flags

from tf_stugan import output_files
from tf_stugan.commands.report_columns import Columns
from tf_stugan.reports import beside_ladders
from tf_stugan.reports import drawing
from tf_stugan.reports import figures
from tf_stugan.reports import ladder_figures
from tf_stugan.reports import ladders as ladders_lib
from tf_stugan.reports import page
from tf_stugan.reports import records as records_lib
from tf_stugan.reports import rows as rows_lib
from tf_stugan.reports import score_curves
from tf_stugan.reports import tables
from tf_stugan.reports import verdict_figures
from tf_stugan.reports import verdicts
from tf_stugan.reports.ladder_scores import LadderScores
from tf_stugan.usage import report as usage

_LOG = logging.getLogger(__name__)


class Subject(NamedTuple):
  """What a report is about.

  Attributes:
    runs: those that have begun.
    unfinished: those that did not come to their end.
    ladders: those among them.
    pairs: what is plotted against what.
    comparisons: of rows.
    planned: seeds by row, where a study tells them.
  """

  runs: Sequence[rows_lib.Run]
  unfinished: Sequence[rows_lib.Run] = ()
  ladders: Sequence[LadderScores] = ()
  pairs: Sequence[tuple[str, str]] = ()
  comparisons: Sequence[verdicts.Comparison] = ()
  planned: Mapping[str, Sequence[str]] = {}


def write(values: flags.FlagValues, output: pathlib.Path, subject: Subject, add: Columns) -> None:
  """Writes a report on runs whose scores can be compared, and prints its tables.

  Args:
    values: of the flags.
    output: the folder.
    subject: of which every run was scored.
    add: tells columns beside those of the runs.
  """
  measured = add.with_forms(subject.runs)
  apart = records_lib.scores_apart(r.workdir for r in subject.runs)
  rows = rows_lib.make_rows(measured, add, apart)
  found = [{**records_lib.record(r.workdir, apart=apart), 'run': r.name} for r in measured]
  found = [{**record, **add(r, record['step'])} for r, record in zip(measured, found, strict=True)]
  judged, rounds = _judge(subject, rows, apart), _rounds(subject)
  frames = {
      'report.csv': tables.tabulate([
          {**record, 'row': r.row, 'seed': r.seed, 'state': r.state} for r, record in zip(measured, found, strict=True)]),
      'rows.csv': rows_lib.table(rows), 'curves.csv': tables.curves({r.name: r.workdir for r in subject.runs}),
      **({} if judged.empty else {'comparisons.csv': judged}),
      **({} if rounds.empty else {'ladders.csv': rounds})}

  def draw(folder):
    if values.layers:
      _draw_layers(subject.runs, folder)
    drawn = [] if judged.empty else verdict_figures.draw(judged, frames['report.csv'], frames['curves.csv'], folder)
    drawn += [] if rounds.empty else ladder_figures.draw(rounds, folder)
    drawn += _draw(folder, rows, [*subject.pairs, *((usage.SCORE, name) for name in add.measured)])
    return [folder / f'{name}.png' for name in drawn]
  _write_files(output, [*_verdicts(judged), *_ladders(rounds),
                        *_tables(values, rows, found, subject.unfinished, add.measured)],
               frames, [row for row in rows if not row.runs[0].form], draw)


def _rounds(subject):
  """Returns the rounds of ladders, with runs that belong to none beside them; nothing without ladders."""
  beside = beside_ladders.read(subject.runs, subject.ladders) if subject.ladders else []
  return ladders_lib.rounds([*subject.ladders, *beside])


def _ladders(rounds):
  """Lists the table of ladders, if there is one."""
  return [] if rounds.empty else [page.Table('Ladders', ladders_lib.table(rounds), ladders_lib.NOTE)]


def _draw_layers(runs, folder):
  for r in runs:
    figures.plot_layers(r.name, r.workdir, folder / f'layers_{r.name.replace("/", "_")}.png')


def write_unfinished(output: pathlib.Path, subject: Subject) -> None:
  """Writes a report on runs of which none was scored: why."""
  _write_files(output, [_reasons(subject.unfinished)], {})


def _judge(subject, rows, apart):
  """Returns the table of what was to be compared, as far as these runs say something of it."""
  known = {row.name for row in rows}
  comparisons = [c for c in subject.comparisons if known.intersection(name for pair in c.pairs for name in pair)]
  missing = {name for c in comparisons for pair in c.pairs for name in pair} - known - set(subject.planned)
  if missing:
    _LOG.warning('Comparisons name rows that are not here, %s; there are %s.', *(
        ', '.join(sorted(names)) for names in (missing, known)))
  better = {column: is_lower for run in subject.runs
            for column, is_lower in records_lib.lower_is_better(run.workdir, apart).items()}
  return verdicts.judge(comparisons, rows, subject.planned, better)


def _verdicts(judged):
  """Lists the table of verdicts by the first score, if there is one."""
  if judged.empty:
    return []
  shown = judged[judged['score'] == judged['score'].iloc[0]]
  columns = [column for column in judged if column not in ('better', 'difference low', 'difference high')]
  return [page.Table('Comparisons', tables.in_words(shown, columns), verdicts.NOTE)]


def _write_files(output, shown, frames, rows=(), draw=lambda folder: []):
  """Writes and prints the tables that are shown; writes those with all digits, figures, and the page with everything."""
  text = '\n'.join(f'{tables.markdown(table.words)}\n{table.note}' for table in shown)
  with output_files.new_files(pathlib.Path(output), 'tf-stugan report') as folder:
    (folder / 'report.md').write_text(text, encoding='utf-8')
    (folder / 'report.tex').write_text('\n'.join(f'% {table.title}\n{tables.latex(table.words)}' for table in shown),
                                       encoding='utf-8')
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
  frames = {'Runs': (tables.tabulate(found), tables.notes(found[0]))}
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
  return page.Table('Unfinished', tables.tabulate(lines), 'Runs that did not come to their end, or were not scored there.\n')


def _draw(folder, rows, pairs):
  """Draws what says something; returns the names of the figures, scores first."""
  made = drawing.read_rows(rows)
  asked = [(made.score if what == usage.SCORE else what, against) for what, against in pairs if against != usage.STEP]
  drawn = drawing.draw(made, folder, asked)
  for name, curves in score_curves.collect({r.name: r.workdir for row in rows for r in row.runs if not r.form}).items():
    drawn.append(f'{name.replace("/", "_")}_curve')
    score_curves.plot(curves, name, folder / f'{drawn[-1]}.png')
  return drawn
