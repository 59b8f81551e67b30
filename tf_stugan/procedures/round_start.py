"""What a round of a ladder begins with: masks, start values, averages, a teacher."""

from collections.abc import Mapping
import pathlib

from tf_stugan.compat import keras
from tf_stugan.gans.gan import Player
from tf_stugan.sparsity import masks
from tf_stugan.training import starting_weights
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
    starting_weights.restore_parts(trainer, folder, [f'weights/{player.name}'], step)
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


def teach(trainer: Trainer, folder: pathlib.Path, step: int | None = None) -> None:
  """Gives the teachers of a game what the players whom they stand for are judged by in another run.

  Args:
    trainer: whose game it is.
    folder: with checkpoints of that run.
    step: of the checkpoint; None for the newest.
  """
  for player, network in trainer.gan.teachers.items():
    load_best(trainer, player, network, folder, step)


def load_best(trainer: Trainer, player: str, network: keras.Model, folder: pathlib.Path, step: int | None = None) -> None:
  """Gives a network what a player of another run is judged by: its average, if it has one, or else its weights.

  Args:
    trainer: which has the player, too.
    player: its name.
    network: of its kind.
    folder: with checkpoints of the other run.
    step: of the checkpoint; None for the newest.
  """
  part = 'averages' if trainer.sides[player].average else 'weights'
  starting_weights.read_variables(folder, {f'{part}/{player}': named(network.variables, network.name)}, trainer, step)
