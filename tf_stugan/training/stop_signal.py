"""Ctrl-C and SIGTERM: finish the step, save, exit with a code that says 'run me again'."""

import logging
import signal

from tf_stugan import errors
from tf_stugan.training import agreement
from tf_stugan.training.hooks import Hook
from tf_stugan.training.hooks import Phase

_LOG = logging.getLogger(__name__)


class StopSignal:
  """While entered, the first signal is remembered, and a second one ends the process at once.

  A second one of the other kind does so when TensorFlow comes back to Python.
  """

  _SIGNALS = (signal.SIGINT, signal.SIGTERM)

  def __enter__(self):
    self.received = None
    self._previous = {number: signal.signal(number, self._remember) for number in self._SIGNALS}
    return self

  def __exit__(self, *_):
    for number, handler in self._previous.items():
      signal.signal(number, handler)

  def stopped(self) -> bool:
    """Whether a signal has come."""
    return self.received is not None

  def _remember(self, number, _):
    signal.signal(number, signal.SIG_DFL)  # the kernel sees to the next one: Python would wait for TensorFlow to come back
    if self.received is not None:
      signal.raise_signal(number)
    self.received = number
    _LOG.info('Received %s: finishing the step and saving. Again to end at once.', signal.Signals(number).name)

  def hook(self, checkpoint: Hook) -> Hook:
    """Saves with `checkpoint` and raises `Interrupted` at the first return to the host after a signal.

    Of several workers one that received a signal is enough: all stop at the same step.
    """
    return _Stop(self, checkpoint)


class _Stop(Hook):

  phase = Phase.STOP
  everywhere = True

  def __init__(self, signal_, checkpoint):
    super().__init__(interval=2**62)  # it acts between steps, not at steps of its own
    self._signal = signal_
    self._checkpoint = checkpoint

  def after_call(self, trainer, step):
    if agreement.any_worker(trainer.strategy, self._signal.stopped()):
      self._checkpoint(trainer, step)
      agreement.wait(trainer.strategy)
      raise errors.Interrupted(f'Stopped at step {step} as asked, and saved. The same command goes on from here.')

  def __call__(self, trainer, step):
    pass
