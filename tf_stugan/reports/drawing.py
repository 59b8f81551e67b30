"""What figures are drawn of, from runs or from the files of a report; and which ones are drawn of it."""

from collections.abc import Collection, Mapping, Sequence
import logging
import pathlib
import re
from typing import NamedTuple

import pandas as pd

from tf_stugan import errors
from tf_stugan.reports import comparisons
from tf_stugan.reports import records
from tf_stugan.reports import rows as rows_lib

_LOG = logging.getLogger(__name__)
_SEED = re.compile(r'[-_/.]*s(eed)?[-_]?\d+$')  # at the end of a run's name


class Drawing(NamedTuple):
  """Numbers that become figures.

  Attributes:
    table: a line a row, as `rows.table` makes it.
    curves: by quantity and row, values of each of its runs by step.
  """

  table: pd.DataFrame
  curves: Mapping[str, Mapping[str, Sequence[pd.Series]]]

  @property
  def methods(self) -> dict[str, str]:
    """The method of each row."""
    return rows_lib.methods(self.table)

  @property
  def scores(self) -> list[str]:
    """Quantities that are scores."""
    return [name for name in self.curves if f'best {records.title(name)}' in self.table or (
        any(column.startswith(f'best {records.title(name)} (') for column in self.table))]

  @property
  def score(self) -> str:
    """The column of the first score; empty without any."""
    return next(map(records.title, self.scores), '')


def read_rows(rows: Sequence[rows_lib.Row]) -> Drawing:
  """Returns what the runs of these rows have written."""
  curves = {}
  for row in rows:
    for run in row.runs if not row.runs[0].form else ():
      for name, (steps, values) in records.curves(run.workdir).items():
        curves.setdefault(name, {}).setdefault(row.name, []).append(pd.Series(values, steps, dtype=float))
  return Drawing(rows_lib.table(rows), curves)


def read_files(folder: pathlib.Path, runs: Collection[str] = ()) -> Drawing:
  """Returns what report.csv, rows.csv and curves.csv of a report have.

  Args:
    folder: with these files. Without rows.csv, runs whose names differ in their seeds alone are a row.
    runs: names of those that are drawn; all if empty.

  Raises:
    UserError: a file is missing, or a run is not in it.
  """
  try:
    lines, values = (pd.read_csv(folder / f'{name}.csv') for name in ('report', 'curves'))
  except OSError as error:
    raise errors.UserError(f'{folder} has no figures: {error.filename} is missing.') from error
  if unknown := sorted(set(runs) - set(lines['run'])):
    raise errors.UserError(f'{folder}/report.csv has no run {unknown[0]}.')
  lines = lines[lines['run'].isin(runs)] if runs else lines
  lines = lines.assign(row=lines['row'] if 'row' in lines else lines['run'].str.replace(_SEED, '', regex=True))
  curves = {}
  for (name, run), found in values.groupby(['quantity', 'run'], sort=False):
    for row in lines.loc[lines['run'] == run, 'row']:
      curves.setdefault(name, {}).setdefault(row, []).append(pd.Series(found['value'].to_numpy(), found['step']))
  whole = folder / 'rows.csv'
  columns = {c: 'mean' if pd.api.types.is_numeric_dtype(lines[c]) else 'first' for c in lines if c not in ('run', 'row')}
  table = pd.read_csv(whole) if whole.exists() else lines.groupby('row', sort=False).agg(columns).reset_index()
  return Drawing(table[table['row'].isin(lines['row'])], curves)


def draw(drawing: Drawing, folder: pathlib.Path, asked: Sequence[tuple[str, str]] = ()) -> list[str]:
  """Draws what changed while these runs were trained, scores against what training had cost by then, the last score against
  density and costs, and what is asked for.

  Args:
    drawing: what is drawn of.
    folder: where figures go.
    asked: pairs of columns, the first against the second.

  Returns:
    Names of the figures, without their endings; scores first.
  """
  drawn, score = _draw_curves(drawing, folder), drawing.score
  for (what, against), file in (_always(drawing.table, score) | {pair: file_name(*pair, score) for pair in asked}).items():
    name = f'{file}_at_the_end' if file in drawn else file  # a quantity whose curve is drawn, too
    if comparisons.plot_against(drawing.table, what, against, folder / name):
      drawn.append(name)
    elif (what, against) in asked:
      _LOG.warning('No figure of %s against %s: these are no columns of this report, or do not vary.', what, against)
  return drawn


def file_name(what: str, against: str, score: str) -> str:
  """Returns the name of a figure, without its ending; that of the second column for the score."""
  return re.sub(r'[^\w.+-]+', '_', against if what == score else f'{what} {against}')


def _always(table, score):
  """Returns {(what, against): file}: the score against the density and the multiply-adds that vary most, and costs."""
  found = {}
  for quantity in ('density', 'multiply-adds'):
    columns = [column for column in table if column.endswith(f' {quantity}')]
    found[score, max(columns, key=lambda column: table[column].nunique(), default=quantity)] = quantity
  return found | {(score, column): file_name(score, column, score) for column in (records.COST, 'bytes')}


def _draw_curves(drawing, folder):
  scores, methods = drawing.scores, drawing.methods
  wanted = [name for name in drawing.curves if name in scores or '/' in name or name.endswith('balance_ratio')]
  drawn = []
  for name in sorted(wanted, key=lambda name: name not in scores):
    found, file = drawing.curves[name], name.replace('/', '_')
    if comparisons.plot_curves(found, methods, name, folder / file, name in scores):
      drawn.append(file)
    costs = drawing.curves.get(records.COST, {}) if name in scores else {}
    if costs and comparisons.plot_curves({row: found[row] for row in found if row in costs}, methods, name,
                                         folder / f'{file}_by_cost', True, costs):
      drawn.append(f'{file}_by_cost')
  return drawn
