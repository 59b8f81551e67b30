"""Pruning a dense GAN and training what is left: the classic that sparse training from scratch is compared with."""

import logging
import pathlib

from tf_stugan import errors
from tf_stugan.procedures.procedure import Procedure
from tf_stugan.procedures.train import Train
from tf_stugan.training import checkpoints

_LOG = logging.getLogger(__name__)


class PruneAndFinetune(Procedure):
  """Trains dense up to the `prune_step` of its methods, or takes that from a finished run; prunes; fine-tunes.

  Optimizers and averages go on as they are, and the step counter, too, as in the authors' BigGAN runs: `train.num_steps`
  counts both phases. The methods are `OneShotPruning`: of the generator alone, or of both.

  Args:
    train: both phases.
    pretrained: workdir of a dense run of the same networks that ended at `prune_step`; empty to train it here first.
  """

  def __init__(self, train: Train, pretrained: str = ''):
    self.train = train
    self.num_steps = train.num_steps
    self.pretrained = pretrained

  def check(self, trainer):
    self.train.check(trainer)

  def run(self, run):
    self.train.run(run, self._begin if self.pretrained else None)

  def _begin(self, run, cost):
    cost(run.trainer, 0)  # the dense phase belongs to the price of the result
    folder = pathlib.Path(self.pretrained).expanduser() / 'checkpoints'
    step = checkpoints.restore_dense(run.trainer, folder)
    if not any(method.is_update_step(step) for method in run.trainer.methods.values()):
      raise errors.UserError(
          f'PruneAndFinetune.pretrained: {self.pretrained} ended at step {step}, and no method prunes there. Set PRUNE_STEP '
          f'= {step}, and NUM_STEPS to that and the steps of fine-tuning.')
    run.trainer.update_masks(run.data)
    cost(run.trainer, step)
    _LOG.info('Took the dense networks of step %d from %s, and pruned them.', step, self.pretrained)
