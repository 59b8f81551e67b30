"""Training once, from the masks and weights of a ticket."""

from collections.abc import Callable, Mapping
import functools
import pathlib

from tf_stugan import errors
from tf_stugan.procedures import round_start
from tf_stugan.procedures.procedure import Procedure
from tf_stugan.procedures.procedure import Stage
from tf_stugan.procedures.train import Train
from tf_stugan.sparsity.fixed_masks import FixedMasks
from tf_stugan.training import tickets
from tf_stugan.training.trainer import Trainer


def unmasked(trainer: Trainer) -> dict[str, Callable[[], FixedMasks]]:
  """Returns methods, by role, that leave all weights as they are until masks are assigned, for roles that have masks."""
  return {player.role: functools.partial(FixedMasks, 1.0) for player in trainer.gan.players
          if player.name in trainer.methods}


class FromTicket(Procedure):
  """Trains what `tf-stugan ticket` wrote.

  Args:
    train: from the step of the ticket to the end.
    ticket: the file; only the beginning of a run reads it.
    densities: of its masks, by role, as it names them; `tf-stugan train --ticket=...` says them.
  """

  def __init__(self, train: Train, ticket: str, densities: Mapping[str, float]):
    self.train = train
    self.num_steps = train.num_steps
    self.ticket = pathlib.Path(ticket).expanduser()
    self.densities = dict(densities)

  def stages(self, make_trainer):
    methods = {role: functools.partial(FixedMasks, density) for role, density in self.densities.items()}
    return [Stage('', self.num_steps, functools.partial(make_trainer, methods=methods), self._begin,
                  operations_before=lambda folder: tickets.read(self.ticket).operations_before)]

  def check(self, trainer, stage):
    self.train.check(trainer, stage)

  def run(self, run, stage, folder):
    self.train.run(run, stage, folder)

  def _begin(self, run, cost, folder):
    trainer = run.trainer
    ticket = tickets.read(self.ticket)
    if ticket.step >= self.num_steps:
      raise errors.UserError(f'{self.ticket} is of step {ticket.step}: set NUM_STEPS beyond it.')
    if ticket.step:
      cost(trainer, 0)  # the steps up to there, which were dense
    tickets.assign(ticket, self.ticket, trainer)
    for side in trainer.sides.values():
      round_start.settle(side)
    trainer.warn_of_thin_layers(list(trainer.methods), run.data)
    if ticket.step:
      cost(trainer, ticket.step)
