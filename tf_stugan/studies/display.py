"""How far a study is, for who watches it."""

from collections.abc import Mapping, Sequence
import itertools
import json
import logging
import pathlib
import time
from typing import NamedTuple

import rich.console
import rich.live
import rich.table
import rich.text

from tf_stugan.studies.folder import Folder
from tf_stugan.studies.folder import Outcome
from tf_stugan.studies.plan import Run

_LOG = logging.getLogger(__name__)

_TAIL = 2**16  # bytes of metrics.jsonl that are looked at
_SECONDS = 2  # between two pictures
_MOST_ROWS = 20


class _Progress(NamedTuple):
  """Where a run is: its stage, the step and the score there, and the steps that were done in all stages."""

  stage: str
  step: int
  score: str
  done: int


class Display:
  """On a terminal one table, which is drawn again and again; elsewhere a line for each run that ends.

  Args:
    folder: of the study.
    runs: all of its runs.
    outcomes: how some of them have ended, by name.
    console: where to; standard error if not given.
  """

  def __init__(self, folder: Folder, runs: Sequence[Run], outcomes: Mapping[str, Outcome],
               console: rich.console.Console | None = None):
    self._folder = folder
    self._runs = {run.name: run for run in runs}
    self._outcomes = {name: outcome for name, outcome in outcomes.items() if name in self._runs}
    self._console = console or rich.console.Console(stderr=True)
    self._live = None
    self._drawn = -_SECONDS

  def __enter__(self):
    if self._console.is_terminal:
      self._live = rich.live.Live(console=self._console, auto_refresh=False)
      self._live.start()
    self._began = time.monotonic(), self._work_done()
    return self

  def __exit__(self, *exception):
    if self._live:
      self._live.stop()

  def ended(self, run: Run, outcome: Outcome) -> None:
    """Tells of a run."""
    self._outcomes[run.name] = outcome
    _LOG.info('%s: %s%s; %d of %d ended', run.name, outcome.state, f' ({outcome.reason})' if outcome.reason else '',
              len(self._outcomes), len(self._runs))

  def update(self, running: Mapping[str, object], waiting: Sequence[Run]) -> None:
    """Draws the table, now and then."""
    if self._live and time.monotonic() - self._drawn > _SECONDS:
      self._drawn = time.monotonic()
      self._live.update(self.picture(running, waiting), refresh=True)

  def picture(self, running: Mapping[str, object], waiting: Sequence[Run]) -> rich.console.Group:
    """Returns a row a running run, and a line that adds everything up."""
    table = rich.table.Table('run', 'method', rich.table.Column('step', justify='right'),
                             rich.table.Column('score', justify='right'), box=None)
    for name in list(running)[:_MOST_ROWS]:
      run = self._runs[name]
      now = self._look(run)
      step = f'{now.stage} {now.step:,} / {run.stages.get(now.stage, (0, run.num_steps))[1]:,}'.strip()
      table.add_row(*(rich.text.Text(text) for text in (name, run.method, step, now.score)))
    states = [outcome.state for outcome in self._outcomes.values()]
    counts = {'running': len(running), 'waiting': len(waiting)}
    counts |= {state: states.count(state) for state in sorted(set(states))}
    line = ', '.join(f'{count} {what}' for what, count in counts.items() if count)
    return rich.console.Group(table, rich.text.Text(f'{len(self._runs)} runs: {line}; ETA {self._left()}'))

  def _look(self, run):
    """Returns how far the stage is that began last."""
    folder = self._folder.workdir(run)
    begun = [name for name in run.stages if (folder / name / 'metrics.jsonl').exists()]
    stage = begun[-1] if begun else ''
    before = itertools.takewhile(stage.__ne__, run.stages) if stage else ()  # without a name it counts those before itself
    step, score = last_rows(folder / stage / 'metrics.jsonl')
    first, _ = run.stages.get(stage, (0, 0))
    done = max(step - first, 0) + sum(end - begin for begin, end in map(run.stages.get, before))
    return _Progress(stage, step, score, done)

  def _work_done(self):
    """Counts operations of the steps that were done, with those of masked weights: a mask saves no time in training."""
    done = 0.0
    for name, run in self._runs.items():
      steps = run.num_steps if name in self._outcomes else self._look(run).done
      done += run.computed * steps / max(run.num_steps, 1)
    return done

  def _left(self):
    """Returns the time that is left at the speed since the start, as text."""
    began, before = self._began
    done, total = self._work_done(), sum(run.computed for run in self._runs.values())
    if done <= before:
      return '-'
    minutes, seconds = divmod(int((total - done) * (time.monotonic() - began) / (done - before)), 60)
    return f'{minutes // 60}:{minutes % 60:02}:{seconds:02}'


def last_rows(path: pathlib.Path) -> tuple[int, str]:
  """Returns (the last step that a run has told of, its last first score as text), from the end of its metrics.jsonl."""
  if not path.exists():
    return 0, ''
  with open(path, 'rb') as file:
    file.seek(max(path.stat().st_size - _TAIL, 0))
    lines = file.read().decode(errors='replace').splitlines()
  step, score = 0, ''
  for line in lines:
    try:
      row = json.loads(line)
    except ValueError:  # the first and the last may be cut off
      continue
    step = row['step']
    for name in list(row.get('better') or ())[:1]:
      score = f'{name.upper()} {row[name]:.4g}'
  return step, score
