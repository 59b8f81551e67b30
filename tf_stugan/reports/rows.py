"""Runs that differ in their seeds alone are one row: mean, 95 % interval, number of runs."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
import logging
import os
import re
from typing import NamedTuple

import pandas as pd

from tf_stugan import gin_files
from tf_stugan.reports import intervals
from tf_stugan.reports import records
from tf_stugan.training.workdir import Workdir

_LOG = logging.getLogger(__name__)

_DENSE = 'DENSE'  # binding of a procedure: where the dense run of this seed lies
_STAGE = 'Experiment.stage'  # binding of a run that is one of several
_TICKETS = 'TICKETS'  # binding of a ladder that has the masks of another one


class Run(NamedTuple):
  """A run as a report has it.

  Attributes:
    name: unique in the report.
    row: runs of one row differ in their seeds alone.
    workdir: where it is.
    setting: what tells its row from others, {column: value}; empty where nobody said so.
    state: 'done', 'diverged', 'failed' ...; empty where nobody said so.
    reason: why it failed.
    seed: as its configuration has it; empty where that is not known.
    form: of what it has made, where several were measured; empty for the one that stands for the run.
  """

  name: str
  row: str
  workdir: Workdir
  setting: Mapping[str, object] = {}
  state: str = ''
  reason: str = ''
  seed: str = ''
  form: str = ''


class Row(NamedTuple):
  """Runs of one row that can be compared with each other.

  Attributes:
    name: of the row.
    method: as its runs call it.
    runs: those that count: the finished ones, or all where none is.
    step: the last one at which all of them were scored; without any, the earliest of their last ones.
    records: of its runs, at that step, or each at its own last one.
  """

  name: str
  method: str
  runs: Sequence[Run]
  step: int
  records: Sequence[dict[str, object]]


def name_rows(workdirs: Mapping[str, Workdir]) -> list[Run]:
  """Puts runs into rows by their configurations: those are the same but for the seed.

  A row is called what its runs are, without the seed; the last stage of a procedure, alone in a report, what its folder is.
  """
  names, result = {}, []
  short = {name: _procedure_name(name, workdirs) for name in workdirs}
  for name, workdir in workdirs.items():
    found, seed = setting(workdir), workdir.seed()
    row = names.setdefault(repr(sorted(found.items())) if found else name, without_seed(short[name], seed))
    result.append(Run(name, row, workdir, seed=seed))
  taken, seeds = list(names.values()), [(run.row, run.seed) for run in result]
  again = {row for row in taken if taken.count(row) > 1}  # two configurations whose runs have such names
  twice = {row for row, seed in seeds if seed and seeds.count((row, seed)) > 1}  # of other dense runs, for example
  return [run._replace(row=run.name if run.row in again else without_seed(short[run.name], run.seed))
          if run.row in again | twice else run for run in result]


def _procedure_name(name, workdirs):
  folder, stage = os.path.split(name)
  others = [other for other in workdirs if other != name and f'{other}/'.startswith(f'{folder}/')]
  is_stage = any(binding.endswith(_STAGE) for binding in _bindings(workdirs[name].config))
  is_last = is_stage and Workdir(str(workdirs[name].path.parent)).last_stage() == stage
  return folder if folder and is_last and not others else name


def without_seed(name: str, seed: str) -> str:
  """Returns what the name of a run, of a path or a part of one, is called in all seeds."""
  return (seed and re.sub(rf'[-_/.]*s(eed)?[-_]?{re.escape(seed)}(?=/|$)', '', name)) or name


def setting(workdir: Workdir) -> dict[str, str]:
  """Returns the bindings that decide what a run computes, but for its seed; {} where it has no config.gin.

  Of a stage that leaves out what the stages before it have led to with this seed, and where these lie: it has what the
  procedure says instead. In the place of another ladder that masks come from stands what decided on that one.
  """
  bindings = _bindings(workdir.config)
  if any(name.endswith(_STAGE) for name in bindings):
    asked = _bindings(workdir.path.parent / workdir.config.name)
    bindings = {name: asked.get(name, value) for name, value in bindings.items() if name != _DENSE}
  if _TICKETS in bindings:
    bindings[_TICKETS] = _setting_of_tickets(str(gin_files.literal(bindings[_TICKETS])))
  return {name: value for name, value in bindings.items() if not gin_files.is_seed(name)}


def _bindings(config):
  return gin_files.bindings_of(config.read_text(encoding='utf-8', errors='replace')) if config.exists() else {}


def _setting_of_tickets(path):
  folder = os.path.expanduser(path)
  found = setting(Workdir(folder)) if os.path.isdir(folder) else {}
  return repr(sorted((name, value) for name, value in found.items() if name != _DENSE)) if found else path


def make_rows(runs: Iterable[Run], add: Callable[[Run, int], Mapping[str, object]] = lambda *_: {},
              apart: Collection[str] = ()) -> list[Row]:
  """Returns the rows of runs that were scored at least once, in the order of their first runs.

  Args:
    runs: of the report.
    add: (run, step) -> columns that its record has beside its own.
    apart: as in `records.record`.
  """
  members = {}
  for run in runs:
    members.setdefault(run.row, []).append(run)
  return [_make_row(name, runs, add, apart) for name, runs in members.items()]


def _make_row(name, runs, add, apart):
  runs = [run for run in runs if run.state == 'done'] or runs
  steps = {run.name: records.evaluated_steps(run.workdir) for run in runs}
  if shared := set.intersection(*map(set, steps.values())):
    at = dict.fromkeys(steps, max(shared))
  else:
    at = {run: scored[-1] for run, scored in steps.items()}
    _LOG.warning('Runs of %s have no step at which all were scored: each counts at its own last one (%s).', name,
                 ', '.join(f'{run}: {step:,}' for run, step in at.items()))
  found = [{**records.record(run.workdir, at[run.name], apart), 'run': run.name, **add(run, at[run.name])} for run in runs]
  return Row(name, str(found[0]['method']), runs, min(at.values()), found)


def table(rows: Sequence[Row]) -> pd.DataFrame:
  """Returns a line a row: what it sets, n, the step, means; for scores also the ends of their 95 % interval ('FCD low',
  'FCD high'), and what seeds had ('FCD minimum', 'FCD maximum')."""
  columns = ['row', 'method', *settings(rows), 'n', 'step']
  lines = [_line(row) for row in rows]
  return pd.DataFrame(lines, columns=list(dict.fromkeys([*columns, *(c for line in lines for c in line)])), dtype=object)


def methods(frame: pd.DataFrame) -> dict[str, str]:
  """Returns the method of each row of a `table`."""
  return dict(zip(frame['row'], frame['method'], strict=True))


def settings(rows: Sequence[Row]) -> list[str]:
  """Returns what rows set; but for the method, which has a column in any case."""
  return list(dict.fromkeys(name for row in rows for name in row.runs[0].setting if name != 'method'))


def _line(row):
  frame = pd.DataFrame(row.records)
  scores = score_columns(row.records)
  line = {**row.runs[0].setting, 'row': row.name, 'method': row.method, 'n': len(row.records), 'step': row.step}
  line |= {'form': row.runs[0].form} if row.runs[0].form else {}
  for column in frame.columns.drop(['run', 'method', 'step']):
    if not pd.api.types.is_numeric_dtype(frame[column]):
      continue
    values = frame[column].dropna()  # a run may lack it
    line[column] = values.iloc[0].item() if values.nunique() == 1 else float(values.mean())
    if column in scores:
      ends = (*intervals.interval(frame[column]), float(frame[column].min()), float(frame[column].max()))
      line |= {f'{column} {name}': end for name, end in zip(('low', 'high', 'minimum', 'maximum'), ends, strict=True)}
  return line


def score_columns(found: Sequence[Mapping[str, object]]) -> list[str]:
  """Lists the columns of these records that hold scores, in their order."""
  best = [column for record in found for column in record if column.startswith('best ') and not column.endswith(' at step')]
  names = {name for column in best for name in (column, column.removeprefix('best '))}
  return list(dict.fromkeys(column for record in found for column in record if column in names))
