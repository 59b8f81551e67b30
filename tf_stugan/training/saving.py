"""Hooks that save the state of training."""

import contextlib

from tf_stugan import errors
from tf_stugan.training import checkpoints
from tf_stugan.training import row_files
from tf_stugan.training import strategies
from tf_stugan.training.hooks import Hook
from tf_stugan.training.hooks import Phase
from tf_stugan.training.workdir import Workdir


class Checkpoint(Hook):
  """Saves at its interval, where a score is the best so far, and after scores that a stop had put off."""

  phase = Phase.SAVE  # what other hooks noted at this step is saved with it
  everywhere = True  # all workers look whether the state may be saved; the chief saves it

  def __init__(self, interval: int, workdir: Workdir, keep: int = 2, milestones: int = 0, scores_pending: bool = False):
    super().__init__(interval)
    self._scores_pending = scores_pending
    self._workdir = workdir
    self._attachments = (workdir.config, workdir.operative_config, workdir.data)
    self._keep = keep
    self._milestones = milestones
    self._saved = None  # the step of the last one

  def begin(self, trainer, step, num_steps):
    if self._scores_pending:
      self(trainer, step)

  def after_call(self, trainer, step):
    if any(best == step for _, best in trainer.host_state.best.values()):
      # Only the chief knows scores. All look whether the state may be saved, and stop if not, at the next interval.
      with contextlib.suppress(errors.DivergedError):
        self(trainer, step)

  def __call__(self, trainer, step):
    if step == self._saved:
      return
    trainer.check_state()
    self._saved = step
    if strategies.is_chief(trainer.strategy):
      row_files.sync(self._workdir.metrics)  # a checkpoint without the rows before it would never get them back
      checkpoints.save(trainer, self._workdir.checkpoints, self._keep, self._milestones, self._attachments)


class Milestone(Hook):
  """Saves at the steps whose checkpoints are kept, whether or not they are multiples of the other interval."""

  phase = Phase.SAVE
  everywhere = True

  def __init__(self, interval: int, checkpoint: Checkpoint):
    super().__init__(interval)
    self._checkpoint = checkpoint

  def __call__(self, trainer, step):
    self._checkpoint(trainer, step)
