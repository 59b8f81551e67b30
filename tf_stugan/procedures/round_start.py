"""What a round of a ladder begins with: masks, start values, averages, a teacher."""

from collections.abc import Mapping
import pathlib

from tf_stugan.gans.gan import Player
from tf_stugan.sparsity import masks
from tf_stugan.training import checkpoints
from tf_stugan.training.state import named
from tf_stugan.training.state import Side
from tf_stugan.training.trainer import Trainer


def load_start(trainer: Trainer, player: Player, folder: pathlib.Path | None, step: int | None,
               initial: Mapping[str, object]) -> None:
  """Gives a player the weights that its round starts from, buffers included.

  Args:
    trainer: of the round.
    player: whose weights.
    folder: with checkpoints of the run that they come from; None for initial ones.
    step: of the checkpoint; None for the newest.
    initial: what all weights of the trainer were when it was built, by name.
  """
  if folder:
    checkpoints.restore_parts(trainer, folder, [f'weights/{player.name}'], step)
    return
  for name, variable in trainer.parts()['weights'].items():
    if name.startswith(f'{player.name}/'):
      variable.assign(initial[name])


def settle(side: Side) -> None:
  """Applies the masks to the weights; averages and what was explored begin from there."""
  masks.apply_masks(side.masked)
  if side.exploration:
    side.exploration.restart()
  if side.average:
    side.average.restart()


def teach(trainer: Trainer, folder: pathlib.Path) -> None:
  """Gives the teachers of a game the weights that the players whom they stand for have in another run.

  Args:
    trainer: whose game it is.
    folder: with checkpoints of that run.
  """
  for player, network in trainer.gan.teachers.items():
    checkpoints.read_variables(folder, {f'weights/{player}': named(network.variables, network.name)}, trainer)
