"""Defines what happens beside training, at intervals."""

import abc
import enum

from tf_stugan import errors

NEVER = 2**62  # steps: the interval of hooks that act between steps, and at none of their own but the last


class Phase(enum.IntEnum):
  """Orders the hooks of one step: what an earlier phase measures, the later ones report and save."""

  MEASURE = 0
  TELL = 1
  SAVE = 2
  STOP = 3


class Hook(abc.ABC):
  """Is called with the trainer at every multiple of `interval` steps, and at the last step.

  Attributes:
    phase: its place among the hooks of one step.
    interval: in steps, at least 1.
    everywhere: whether all workers of a run call it, since it changes the trainer or has to be done together. Other hooks
      are called on the chief alone, and only the chief writes files.
  """

  phase = Phase.TELL
  everywhere = False

  def __init__(self, interval: int):
    errors.check_counts(self, interval=interval)
    self.interval = interval

  def begin(self, trainer, step: int, num_steps: int) -> None:  # noqa: B027  (a hook need not care)
    """Runs before the first step of this process; the run goes from `step` to `num_steps`."""

  def after_call(self, trainer, step: int) -> None:  # noqa: B027
    """Runs after every return to the host."""

  def end(self) -> None:  # noqa: B027
    """Runs after training, however it ended."""

  @abc.abstractmethod
  def __call__(self, trainer, step: int) -> None:
    """Runs at this hook's steps."""
