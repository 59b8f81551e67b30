"""What happens beside training, every so many steps."""

import abc

from tf_stugan import errors


class Hook(abc.ABC):
  """Called with the trainer at every multiple of `interval` steps, and at the last step.

  Attributes:
    interval: in steps, at least 1.
    everywhere: whether all workers of a run call it, since it changes the trainer or has to be done together. Others are
      called on the chief alone; only there may anything be written.
  """

  everywhere = False

  def __init__(self, interval: int):
    errors.check_counts(self, interval=interval)
    self.interval = interval

  def begin(self, trainer, step: int, num_steps: int) -> None:  # noqa: B027  (a hook need not care)
    """Before the first step of this process; the run goes from `step` to `num_steps`."""

  def after_call(self, trainer, step: int) -> None:  # noqa: B027
    """After every return to the host."""

  def end(self) -> None:  # noqa: B027
    """After training, however it ended."""

  @abc.abstractmethod
  def __call__(self, trainer, step: int) -> None:
    """At this hook's steps."""
