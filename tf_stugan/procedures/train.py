"""Training once, from random weights; and how every stage of a procedure is trained."""

import functools
import logging
import math

from tf_stugan import errors
from tf_stugan.procedures.banner import banner
from tf_stugan.procedures.procedure import Procedure
from tf_stugan.procedures.procedure import Stage
from tf_stugan.training import agreement
from tf_stugan.training import checkpoints
from tf_stugan.training import measuring
from tf_stugan.training import progress
from tf_stugan.training import row_files
from tf_stugan.training import saved_steps
from tf_stugan.training import saving
from tf_stugan.training import showing
from tf_stugan.training import strategies
from tf_stugan.training.run_log import Log
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
    keep_every: steps between checkpoints that stay, beside all of these; 0 for none.
    max_rollbacks: how often the run may go back to its newest checkpoint and go on with other latents and another data
      order when a loss is not finite; 0 stops it at once. Rows of metrics say how often it was.
  """

  def __init__(self, num_steps: int, report_interval: int = 100, sample_interval: int = 1000,
               evaluate_interval: int = 5000, checkpoint_interval: int = 1000, keep_checkpoints: int = 2,
               keep_every: int = 0, max_rollbacks: int = 0):
    errors.check_counts(
        self, num_steps=num_steps, report_interval=report_interval, sample_interval=sample_interval,
        evaluate_interval=evaluate_interval, checkpoint_interval=checkpoint_interval, keep_checkpoints=keep_checkpoints)
    errors.check_counts(self, 0, keep_every=keep_every, max_rollbacks=max_rollbacks)
    self.num_steps = num_steps
    self.report_interval = report_interval
    self.sample_interval = sample_interval
    self.evaluate_interval = evaluate_interval
    self.checkpoint_interval = checkpoint_interval
    self.keep_checkpoints = keep_checkpoints
    self.keep_every = keep_every
    self.max_rollbacks = max_rollbacks

  def stages(self, make_trainer):
    return [Stage('', self.num_steps, make_trainer)]

  def check(self, trainer, stage):
    for name, method in trainer.methods.items():
      if not method.is_static and next(iter(method.update_steps()), math.inf) > stage.num_steps:
        raise errors.UserError(
            f'{type(method).__name__} of the {name} would change no mask within {stage.num_steps} steps: its update '
            'interval or prune step lies beyond the end.')

  def run(self, run, stage, folder):
    fingerprints = ' '.join(data.fingerprint for data in run.data.values())
    agreement.check_same(run.trainer.strategy, 'data', fingerprints)
    step = self._restore(run)
    if step:
      _LOG.info('Going on from the checkpoint of step %d.', step)
    strategy = run.trainer.strategy
    log = Log(run.workdir, strategies.is_chief(strategy))
    if run.overview:
      run.overview(log, step)
    before = math.nan if step or not stage.operations_before else stage.operations_before(folder)
    make_cost = functools.partial(measuring.Cost, self.evaluate_interval, log, before)
    begin = functools.partial(self._begin, run, stage, folder, step)
    with StopSignal() as stop:
      while not self._attempt(run, log, stop, stage.num_steps, make_cost(), begin):
        begin = None
    agreement.wait(strategy)  # for the chief, which may still be scoring

  def _begin(self, run, stage, folder, step, cost):
    """Takes over what earlier stages left, where there is no step of this one yet; and says what is trained then."""
    if stage.begin and step == 0:
      stage.begin(run, cost, folder)
    if strategies.is_chief(run.trainer.strategy):
      _LOG.info(banner(run, run.workdir.path, stage.num_steps))

  def _restore(self, run):
    """Restores the newest checkpoint and returns its step, 0 without one."""
    chief = strategies.is_chief(run.trainer.strategy)
    step = checkpoints.restore(run.trainer, run.workdir.checkpoints, set_aside=chief)
    agreement.check_step(run.trainer.strategy, step)
    if chief:
      if not step and (rows := run.workdir.rows()):
        _LOG.warning('%s has rows up to step %d and no checkpoint: the run begins again at step 0, without these rows.',
                     run.workdir.path, max(row['step'] for row in rows))
      row_files.truncate(run.workdir.metrics, step, 'evaluation' if run.trainer.host_state.pending_evaluation else '')
    return step

  def _attempt(self, run, log, stop, num_steps, cost, begin):
    """Trains to the end and returns True; or goes back to a checkpoint and returns False."""
    evaluate = measuring.Evaluate(self.evaluate_interval, run.evaluator, log, stop.stopped) if run.evaluator else None
    checkpoint = saving.Checkpoint(self.checkpoint_interval, run.workdir, self.keep_checkpoints, self.keep_every,
                                   run.trainer.host_state.pending_evaluation)
    batch_statistics = run.evaluator is not None and run.evaluator.batch_statistics
    hooks = [
        *([evaluate] if evaluate else []),
        progress.Progress(self.report_interval, evaluate),
        showing.LogMeans(self.report_interval, log),
        cost,
        showing.Samples(self.sample_interval, run.workdir, log, run.originals, batch_statistics=batch_statistics),
        checkpoint,
        *([saving.Milestone(self.keep_every, checkpoint)] if self.keep_every else []),
        *run.hooks,
        stop.hook(checkpoint),
    ]
    if begin:
      begin(cost)
    try:
      run.trainer.fit(run.data, num_steps, hooks)
      return True
    except errors.DataLostError:
      self._save_what_there_is(run.trainer, checkpoint)
      raise
    except errors.DivergedError as error:
      self._roll_back(run, error)
      return False

  def _save_what_there_is(self, trainer, checkpoint):
    """Saves the last whole step of a run whose data are gone."""
    if step := int(trainer.step.numpy()):
      checkpoint(trainer, step)
      _LOG.info('Saved at step %d, the last one that had data.', step)

  def _roll_back(self, run, error):
    """Raises the error again where there is nothing to go back to, or it was done often enough."""
    rollbacks = run.trainer.host_state.rollbacks + 1
    if rollbacks > self.max_rollbacks or not saved_steps.list_checkpoints(run.workdir.checkpoints):
      raise error
    step = self._restore(run)
    run.trainer.reseed_after_rollback(rollbacks)
    _LOG.warning('%s Back to the checkpoint of step %d, with other latents: rollback %d of %d.', error, step, rollbacks,
                 self.max_rollbacks)
