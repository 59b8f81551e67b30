"""Pruning a dense GAN and training what is left: the classic that sparse training from scratch is compared with."""

import functools
import logging
import pathlib

from tf_stugan import errors
from tf_stugan.procedures.procedure import Procedure
from tf_stugan.procedures.procedure import Stage
from tf_stugan.procedures.train import Train
from tf_stugan.training import starting_weights

_LOG = logging.getLogger(__name__)

_TAKEN_OVER = ('weights', 'averages', 'optimizers', 'game', 'step')  # parts of a run, see `Trainer.parts`


class PruneAndFinetune(Procedure):
  """Trains dense up to `prune_step`, or takes that from a finished run; prunes; fine-tunes.

  Optimizers and averages go on as they are, and the step counter, too, as in the authors' BigGAN runs: `train.num_steps`
  counts both stages. The methods are `OneShotPruning` at `prune_step`: of the generator alone, or of both.

  Args:
    train: both stages.
    prune_step: the last step of the dense stage.
    pretrained: workdir of a dense run of the same networks that ended at `prune_step`; empty to train it here first.
  """

  def __init__(self, train: Train, prune_step: int, pretrained: str = ''):
    errors.check_counts(self, 1, train.num_steps - 1, prune_step=prune_step)
    self.train = train
    self.num_steps = train.num_steps
    self.prune_step = prune_step
    self.pretrained = pretrained

  def stages(self, make_trainer):
    dense = Stage('dense', self.prune_step, functools.partial(make_trainer, methods={}, label='dense'))
    finetuned = Stage('', self.num_steps, make_trainer, self._begin)
    return [finetuned] if self.pretrained else [dense, finetuned]

  def check(self, trainer, stage):
    self.train.check(trainer, stage)

  def run(self, run, stage, folder):
    self.train.run(run, stage, folder)

  def _begin(self, run, cost, folder):
    cost(run.trainer, 0)  # the dense stage belongs to the price of the result
    source = pathlib.Path(self.pretrained).expanduser() if self.pretrained else folder / 'dense'
    step = starting_weights.restore_parts(run.trainer, source / 'checkpoints', _TAKEN_OVER)
    if not any(method.is_update_step(step) for method in run.trainer.methods.values()):
      raise errors.UserError(
          f'PruneAndFinetune.pretrained: {source} ended at step {step}, and no method prunes there. Set PRUNE_STEP = '
          f'{step}, and NUM_STEPS to that and the steps of fine-tuning.')
    run.trainer.update_masks(run.data)
    cost(run.trainer, step)
    _LOG.info('Took the dense networks of step %d from %s, and pruned them.', step, source)
