"""What `tf-stugan report` does."""

from collections.abc import Sequence
import glob
import logging
import os
import pathlib
import re

from absl import flags

from tf_stugan import errors
from tf_stugan.commands import report_files
from tf_stugan.commands.report_columns import Columns
from tf_stugan.commands.report_files import Subject
from tf_stugan.reports import ladder_scores
from tf_stugan.reports import records as records_lib
from tf_stugan.reports import rescored
from tf_stugan.reports import rows as rows_lib
from tf_stugan.reports import run_folders
from tf_stugan.reports import verdicts
from tf_stugan.studies import folder as folders
from tf_stugan.studies.folder import Folder
from tf_stugan.training.workdir import Workdir
from tf_stugan.usage import report as usage

_LOG = logging.getLogger(__name__)


def run(values: flags.FlagValues) -> None:
  asked = _find([path for pattern in values.workdirs for path in _expand(pattern)], values)
  asked = asked._replace(pairs=[*asked.pairs, *map(usage.parse_figure, values.figure)],
                         comparisons=[*asked.comparisons, *map(_comparison, values.compare)],
                         unfinished=[r for r in asked.runs if r.state not in ('', folders.DONE)])
  add = Columns(values)
  groups = _by_protocol(asked)
  if not groups and not asked.unfinished:
    raise errors.UserError('None of these runs has an evaluation yet.' if not values.features else
                           f'--features={values.features}: none of these runs was scored by such features.')
  if not groups:
    report_files.write_unfinished(pathlib.Path(values.output), asked)
  if len(groups) > 1:
    _LOG.warning('These runs were scored in %d ways (data, features, numbers of images ...) that cannot be compared. Each '
                 'has its own table and folder.', len(groups))
  for output, group in zip(_folders(values.output, groups), groups, strict=True):
    report_files.write(values, pathlib.Path(output), group, add)


def _expand(pattern):
  """Lists the folders that a pattern of --workdirs, or a path, stands for; raises UserError where there is none."""
  path = os.path.expanduser(pattern)
  found = [path] if os.path.isdir(path) else [match for match in glob.glob(path) if os.path.isdir(match)]
  if not found:
    raise errors.UserError(f'--workdirs={pattern}: there is no such folder.')
  return found


def _comparison(text):
  row, other = usage.parse_comparison(text)
  return verdicts.Comparison(f'{row} beats {other}', [(row, other)])


def _find(paths, values):
  """Returns what was asked for."""
  studies = [folder for folder in map(Folder, paths) if folder.is_study()]
  if studies and len(paths) > len(studies):
    raise errors.UserError(f'{studies[0].path} is a study, which has a report of its own: name it alone, or with other '
                           f"studies, or its runs ('{studies[0].path}/runs/*').")
  asked = _read_studies(studies, values.features) if studies else Subject(
      rows_lib.name_rows(records_lib.name_runs(run for path in paths for run in run_folders.list_runs(path))),
      ladders=ladder_scores.read(paths, values.features))
  if not asked.runs:
    raise errors.UserError(f'--workdirs={",".join(values.workdirs)}: no folder there holds a run.')
  if values.features:
    asked = asked._replace(runs=[_rescored(run, values.features) for run in asked.runs])
  return asked


def _rescored(run, features):
  if not run.workdir:
    return run
  run = run._replace(workdir=rescored.Rescored(str(run.workdir.path), features))
  steps, last = records_lib.evaluated_steps(run.workdir), max((row['step'] for row in run.workdir.rows()), default=0)
  if run.state != folders.DONE or not steps or steps[-1] == last:
    return run
  return run._replace(state='scored early', reason=f'These features saw step {steps[-1]:,} of {last:,}: evaluate it again.')


def _read_studies(studies: Sequence[Folder], features: str) -> Subject:
  """Returns the runs of studies that have begun, under their own names, and what the studies ask of them."""
  plans = [folder.read()['plan'] for folder in studies]
  names = [run.name for plan in plans for run in plan.runs]
  if again := next((name for name in names if names.count(name) > 1), None):
    raise errors.UserError(f'Two of these studies have a run {again}: report on one of them, or on folders of runs.')
  planned = {}
  for plan in plans:
    for entry in plan.runs:
      planned.setdefault(entry.row, []).append(str(entry.seed))
  found = list(zip(studies, plans, strict=True))
  return Subject([run for folder, plan in found for run in _list_runs(folder, plan)],
                 ladders=ladder_scores.read(
                     (str(folder.workdir(run)) for folder, plan in found for run in plan.runs), features),
                 pairs=[tuple(pair) for plan in plans for pair in plan.figures],
                 comparisons=[verdicts.Comparison(*item) for plan in plans for item in plan.comparisons.items()],
                 planned=planned)


def _list_runs(folder, plan):
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


def _by_protocol(asked: Subject) -> list[Subject]:
  """Puts scored runs together where their scores can be compared."""
  groups = {}
  for entry in asked.runs:
    if entry.workdir and records_lib.evaluated_steps(entry.workdir):
      groups.setdefault(records_lib.protocol(entry.workdir), []).append(entry)
    elif entry.state != folders.FAILED:  # which is told in a table
      _LOG.warning('Left out: %s has no evaluation in its metrics.jsonl yet.', entry.name)
  return [asked._replace(runs=runs, ladders=[ladder for ladder in asked.ladders if ladder.protocol == protocol])
          for protocol, runs in groups.items()]


def _folders(output, groups: Sequence[Subject]) -> list[str]:
  """Names a folder for each group: `output` itself, or folders in it that are numbered, and named after the data."""
  if len(groups) == 1:
    return [output]
  names = [re.sub(r'[^\w.]+', '-', str(records_lib.record(group.runs[0].workdir)['data'])).strip('-') for group in groups]
  return [os.path.join(output, f'{i}-{name}') for i, name in enumerate(names, 1)]
