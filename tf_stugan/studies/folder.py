"""The folder of a study: study.json, runs/NAME (workdirs), logs/NAME.log, outcomes.jsonl, experiments/, report/."""

import contextlib
import json
import pathlib
import shutil
from typing import NamedTuple

from tf_stugan import errors
from tf_stugan import output_files
from tf_stugan.studies import plan as plans
from tf_stugan.studies.plan import Plan
from tf_stugan.studies.plan import Run
from tf_stugan.training import checkpoint_files
from tf_stugan.training import row_files
from tf_stugan.training.saved_steps import newest_step

_FORMAT = 'Study of tf_stugan, format 1'
_MARGIN = 2**30  # bytes that stay free on the disk
DONE, DIVERGED, FAILED = 'done', 'diverged', 'failed'  # how a run ended


class Outcome(NamedTuple):
  """How a run ended: one of the states above; with its exit code, why in one line, and how long the process took."""

  state: str
  code: int
  reason: str = ''
  seconds: float = 0.0


class Folder:
  """Where a study is.

  Args:
    path: the folder.
  """

  def __init__(self, path: str):
    self.path = pathlib.Path(path)
    self._study = self.path / 'study.json'
    self._outcomes = self.path / 'outcomes.jsonl'
    self.report = self.path / 'report'

  def is_study(self) -> bool:
    """Tells whether there is a study."""
    return self._study.exists()

  def read(self) -> dict:
    """Returns what `write` wrote: {'plan': the plan, 'threads': CPU threads of each run}; {} in a new folder.

    Raises:
      UserError: it is something else.
    """
    if not self.is_study():
      if (self.path / 'config.gin').exists() or (self.path / 'runs').exists():
        raise errors.UserError(f'--workdir={self.path} is no folder of a study, and has runs in it; take another one.')
      return {}
    try:
      values = json.loads(self._study.read_text())
      if values['format'] != _FORMAT:
        raise ValueError
      return {**values, 'plan': plans.from_json(values['plan'])}
    except (ValueError, KeyError, TypeError) as error:
      raise errors.UserError(f'{self._study} cannot be read: it is damaged, or of another version of tf_stugan.') from error

  def write(self, plan: Plan, threads: int) -> None:
    """Keeps the plan, and the gin files that were made for it."""
    for name, text in plan.generated.items():
      file = plans.generated_file(self.path, name)
      file.parent.mkdir(exist_ok=True)
      file.write_text(text, encoding='utf-8')
    values = {'format': _FORMAT, 'threads': threads, 'plan': plans.to_json(plan)}
    output_files.write_whole(self._study, json.dumps(values, indent=1) + '\n')

  def check_same(self, plan: Plan) -> None:
    """Raises UserError if runs that have begun here are not those of this plan. It may have more."""
    before = self.read().get('plan')
    if not before:
      return
    now = {run.name: run for run in plan.runs}
    for run in before.runs:
      if not self.workdir(run).exists():
        continue
      if run.name not in now:
        raise errors.UserError(f'{self.path} is the folder of another study: it has the run {run.name}, which this one has '
                               'not. Take another --workdir.')
      mine, other = (_configuration(r, p) for r, p in ((run, before), (now[run.name], plan)))
      if mine != other:
        changed = sorted(set(mine) ^ set(other)) or ['another order of files']
        raise errors.UserError(f'{self.path} is the folder of another study: its run {run.name} has another configuration '
                               f'({changed[0].splitlines()[0]}). Take another --workdir.')

  def check_disk(self, runs: list[Run]) -> None:
    """Raises DiskError if the checkpoints that these runs have yet to write do not fit."""
    needed = sum(max(0, run.disk - _checkpoint_bytes(self.workdir(run))) for run in runs)
    free = shutil.disk_usage(self.path).free
    if needed > free - _MARGIN:
      raise errors.DiskError(f'{self.path}: the checkpoints of {len(runs)} runs take about {needed / 2**30:.3g} GiB; '
                             f'{free / 2**30:.3g} GiB are free, of which 1 stays so.')

  def workdir(self, run: Run) -> pathlib.Path:
    """Returns the workdir of a run."""
    return plans.workdir(self.path, run.name)

  def log(self, run: Run) -> pathlib.Path:
    """Tells where its output goes."""
    return self.path / 'logs' / f'{run.name}.log'

  def note(self, run: Run, outcome: Outcome) -> None:
    """Remembers how a run ended."""
    row_files.append(self._outcomes, {'run': run.name, **outcome._asdict()})

  def outcomes(self) -> dict[str, Outcome]:
    """Tells how runs ended the last time, by name; without those whose workdir is gone, and with those that were brought to
    their end by their own command."""
    found = {run.name: Outcome(DONE, 0) for run in self._planned() if self._is_at_its_end(run)}
    for row in row_files.read(self._outcomes):
      with contextlib.suppress(KeyError, TypeError):  # not a row of `note`
        name = row.pop('run')
        found[name] = Outcome(**row)
    return {name: outcome for name, outcome in found.items()
            if outcome.state == FAILED or plans.workdir(self.path, name).is_dir()}

  def _planned(self):
    return self.read()['plan'].runs if self.is_study() else []

  def _is_at_its_end(self, run):
    for stage, (_, last) in list(run.stages.items())[-1:]:
      checkpoints = self.workdir(run) / stage / 'checkpoints'
      return newest_step(checkpoints) >= last and not checkpoint_files.lacks_scores(checkpoints)
    return False


def _checkpoint_bytes(workdir):
  return sum(file.stat().st_size for file in workdir.rglob('checkpoints/*') if file.is_file())


def _configuration(run, plan):
  """Returns what decides what it computes, with the texts of gin files that the study wrote."""
  files, bindings = run.configuration()
  return [*(plan.generated.get(plans.unmarked(f) or '', f) for f in files), *bindings]
