"""Handles Ctrl-C, SIGTERM and SIGHUP: finish the step, save, exit with a code that says 'run me again'."""

import logging
import signal

from tf_stugan import errors
from tf_stugan import signals
from tf_stugan.training import agreement
from tf_stugan.training.hooks import Hook
from tf_stugan.training.hooks import NEVER
from tf_stugan.training.hooks import Phase

_LOG = logging.getLogger(__name__)


class StopSignal:
  """Remembers the first signal while entered; a second one ends the process at once.

  A second signal of another kind does so when TensorFlow comes back to Python. SIGHUP never does, since a terminal that
  is closed sends several.
  """

  def __enter__(self):
    self.received = None
    self._handled = signals.handled(self._remember)
    self._handled.__enter__()
    return self

  def __exit__(self, *exception):
    self._handled.__exit__(*exception)

  def stopped(self) -> bool:
    """Tells whether a signal has come."""
    return self.received is not None

  def _remember(self, number, _):
    signals.forget_lost_terminal()
    # The kernel sees to the next one: Python would wait for TensorFlow to come back.
    signal.signal(number, signal.SIG_IGN if number == signal.SIGHUP else signal.SIG_DFL)
    if self.received is not None:
      signal.raise_signal(number)
    self.received = number
    _LOG.info('Received %s: finishing the step and saving. %s', signal.Signals(number).name,
              'Ctrl-C to end at once.' if number == signal.SIGHUP else 'Again to end at once.')

  def hook(self, checkpoint: Hook) -> Hook:
    """Makes a hook that, at the first return to the host after a signal, saves with `checkpoint` and raises `Interrupted`.

    One of several workers that received a signal is enough: all stop at the same step.
    """
    return _Stop(self, checkpoint)


class _Stop(Hook):

  phase = Phase.STOP
  everywhere = True

  def __init__(self, signal_, checkpoint):
    super().__init__(NEVER)
    self._signal = signal_
    self._checkpoint = checkpoint

  def after_call(self, trainer, step):
    if agreement.any_worker(trainer.strategy, self._signal.stopped()):
      self._checkpoint(trainer, step)
      agreement.wait(trainer.strategy)
      raise errors.Interrupted(f'Stopped at step {step} as asked, and saved. The same command goes on from here.')

  def __call__(self, trainer, step):
    pass
