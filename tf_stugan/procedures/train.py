"""Training once, from random weights."""

from collections.abc import Callable
import logging

from tf_stugan import errors
from tf_stugan.procedures.procedure import Procedure
from tf_stugan.procedures.procedure import Run
from tf_stugan.training import checkpoints
from tf_stugan.training import reporting
from tf_stugan.training.stop_signal import StopSignal

_LOG = logging.getLogger(__name__)


class Train(Procedure):
  """Trains to `num_steps`, or goes on from the newest checkpoint.

  Args:
    num_steps: generator steps.
    report_interval: steps between rows of losses, densities and exploration rates.
    sample_interval: steps between sample grids.
    evaluate_interval: steps between evaluations.
    checkpoint_interval: steps between checkpoints.
    keep_checkpoints: how many of the newest are kept, beside the one of the best score.
    keep_every: checkpoints at multiples of this many steps are kept, too; 0 for none.
  """

  def __init__(self, num_steps: int, report_interval: int = 100, sample_interval: int = 1000,
               evaluate_interval: int = 5000, checkpoint_interval: int = 1000, keep_checkpoints: int = 2,
               keep_every: int = 0):
    errors.check_counts(
        self, num_steps=num_steps, report_interval=report_interval, sample_interval=sample_interval,
        evaluate_interval=evaluate_interval, checkpoint_interval=checkpoint_interval, keep_checkpoints=keep_checkpoints)
    errors.check_counts(self, 0, keep_every=keep_every)
    self.num_steps = num_steps
    self.report_interval = report_interval
    self.sample_interval = sample_interval
    self.evaluate_interval = evaluate_interval
    self.checkpoint_interval = checkpoint_interval
    self.keep_checkpoints = keep_checkpoints
    self.keep_every = keep_every

  def run(self, run, begin: Callable[[Run, reporting.Cost], None] | None = None):
    """As in `Procedure`; `begin` is called where the run does not go on from a checkpoint."""
    step = checkpoints.restore(run.trainer, run.workdir.checkpoints)
    if step:
      _LOG.info('Going on from the checkpoint of step %d.', step)
    run.workdir.truncate_rows(step)
    self._check_updates(run.trainer)
    log = reporting.Log(run.workdir)
    evaluate = reporting.Evaluate(self.evaluate_interval, run.evaluator, log)
    checkpoint = reporting.Checkpoint(self.checkpoint_interval, run.workdir, self.keep_checkpoints, self.keep_every)
    progress = reporting.Progress(self.report_interval, evaluate)
    cost = reporting.Cost(self.evaluate_interval, log)
    if step == 0 and begin:
      begin(run, cost)
    hooks = [
        evaluate,
        progress,
        reporting.Report(self.report_interval, log),
        cost,
        reporting.Samples(self.sample_interval, run.workdir, log),
        checkpoint,
    ]
    try:
      with StopSignal() as stop:
        run.trainer.fit(run.data, self.num_steps, [*hooks, stop.hook(checkpoint)])
    finally:
      progress.close()

  def _check_updates(self, trainer):
    for name, method in trainer.methods.items():
      if not method.is_static and not any(method.is_update_step(step) for step in range(self.num_steps + 1)):
        raise errors.UserError(
            f'{type(method).__name__} of the {name} would change no mask within {self.num_steps} steps: its update interval '
            'or prune step lies beyond the end.')
