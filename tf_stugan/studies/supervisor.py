"""Takes all runs of a study to their ends: starts what is missing, puts back what was stopped, notes how each one ended."""

from collections.abc import Callable, Mapping, Sequence
import logging
import signal
import time

from tf_stugan import errors
from tf_stugan import signals
from tf_stugan.studies import folder as folders
from tf_stugan.studies.display import Display
from tf_stugan.studies.engines import Task
from tf_stugan.studies.folder import Folder
from tf_stugan.studies.folder import Outcome
from tf_stugan.studies.plan import Run

_LOG = logging.getLogger(__name__)

_SECONDS = 0.3  # between two looks at what runs
_MOST_LOSSES = 3  # of one run, by an engine that does not say why
_STOPPED = (errors.Interrupted.exit_code, *(-number for number in signals.STOPPING))


class Supervisor:
  """Runs of one study on one engine.

  Args:
    folder: of the study.
    engine: see `engines`.
    display: shows how far everything is.
    make_task: what the engine is to do for a run.
    ended: called after each run that came to its end.
  """

  def __init__(self, folder: Folder, engine, display: Display, make_task: Callable[[Run], Task], ended: Callable[[], None]):
    self._folder = folder
    self._engine = engine
    self._display = display
    self._make_task = make_task
    self._ended = ended
    self._running = {}  # {name: (run, handle, when it began)}
    self._said = {}  # {name: how long its log was before it began}
    self._losses = {}  # {name: how often its engine lost it}

  def run(self, runs: Sequence[Run]) -> None:
    """Returns when all of them have ended.

    Raises:
      Interrupted: a signal came; all runs have saved.
    """
    waiting = list(runs)
    try:
      while waiting or self._running:
        while waiting and len(self._running) < self._engine.slots:
          self._start(waiting.pop(0))
        waiting += self._collect()
        self._display.update(self._running, waiting)
        time.sleep(_SECONDS)
    except KeyboardInterrupt as error:
      self._stop()
      raise errors.Interrupted('Stopped as asked; runs that had begun have saved. The same command goes on.') from error

  def _start(self, run):
    self._said[run.name] = len(self._read_log(run))
    self._running[run.name] = run, self._engine.submit(self._make_task(run)), time.monotonic()

  def _collect(self):
    """Notes the runs that came to an end; returns those that have to go on."""
    again = []
    for name, (run, handle, began) in list(self._running.items()):
      if not handle.done():
        continue
      del self._running[name]
      outcome = self._outcome(run, handle, time.monotonic() - began)
      if outcome is None:
        again.append(run)
        continue
      self._folder.note(run, outcome)
      self._display.ended(run, outcome)
      self._ended()
    return again

  def _outcome(self, run, handle, seconds):
    """Tells how a run ended; None where it was stopped, or lost, and has to go on."""
    try:
      code = handle.result()
    except Exception as error:  # pylint: disable=broad-except  (whatever an engine raises)
      self._losses[run.name] = self._losses.get(run.name, 0) + 1
      reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
      _LOG.warning('%s was lost: %s', run.name, reason)
      return None if self._losses[run.name] < _MOST_LOSSES else Outcome(folders.FAILED, 1, reason, seconds)
    if code in _STOPPED:
      _LOG.info('%s was stopped, and goes on later.', run.name)
      return None
    state = {0: folders.DONE, errors.DivergedError.exit_code: folders.DIVERGED}.get(code, folders.FAILED)
    return Outcome(state, code, '' if code == 0 else self._reason(run, code), round(seconds, 1))

  def _reason(self, run, code):
    """Returns what a run said in the end."""
    if code < 0:
      return f'killed by {signal.Signals(-code).name}'
    lines = self._read_log(run)[self._said[run.name]:].decode(errors='replace').splitlines()
    messages = [line.removeprefix('tf-stugan train: ') for line in lines if line.startswith('tf-stugan train: ')]
    if messages:
      return messages[-1]
    return next((line.strip() for line in reversed(lines) if line.strip()), f'exit code {code}')

  def _read_log(self, run):
    return self._folder.log(run).read_bytes() if self._folder.log(run).exists() else b''

  def _stop(self):
    with signals.handled(signal.SIG_IGN):  # runs are asked once: the second signal would end them at once
      _LOG.info('Stopping: %d runs finish their step and save.', len(self._running))
      self._engine.stop([handle for _, handle, _ in self._running.values()])
      while self._running:
        self._running = {name: entry for name, entry in self._running.items() if not entry[1].done()}
        time.sleep(_SECONDS)


def open_runs(runs: Sequence[Run], outcomes: Mapping[str, Outcome]) -> list[Run]:
  """Returns the runs that are to be started: all but those that are done, or diverged, which they would again."""
  ended = (folders.DONE, folders.DIVERGED)
  return [run for run in runs if run.name not in outcomes or outcomes[run.name].state not in ended]
