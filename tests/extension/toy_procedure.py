"""A procedure of somebody else, in three stages: dense; masked, from those weights; those masks, from random weights."""

import functools

from tf_stugan.procedures.procedure import Procedure
from tf_stugan.procedures.procedure import Stage
from tf_stugan.procedures.train import Train
from tf_stugan.training import starting_weights


class ThreeStages(Procedure):
  """Each stage is as long as `train` says.

  Args:
    train: every stage.
  """

  def __init__(self, train: Train):
    self.train = train
    self.num_steps = train.num_steps

  def stages(self, make_trainer):
    return [Stage('dense', self.num_steps, functools.partial(make_trainer, methods={}, label='dense')),
            Stage('masked', self.num_steps, make_trainer, functools.partial(self._take, 'dense', ('weights', 'averages'))),
            Stage('', self.num_steps, make_trainer, functools.partial(self._take, 'masked', ('masks', 'methods')))]

  def run(self, run, stage, folder):
    self.train.run(run, stage, folder)

  def _take(self, source, parts, run, cost, folder):
    starting_weights.restore_parts(run.trainer, folder / source / 'checkpoints', parts)
    cost(run.trainer, 0)
