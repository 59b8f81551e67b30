"""The other ladder that the masks of a ladder are taken from."""

from collections.abc import Collection, Mapping
import logging
import math
import pathlib

from tf_stugan import errors
from tf_stugan.training import checkpoint_files
from tf_stugan.training import starting_weights
from tf_stugan.training import rounds
from tf_stugan.training.saved_steps import list_checkpoints
from tf_stugan.training.trainer import Trainer

_LOG = logging.getLogger(__name__)


class SourceLadder:
  """Says what stands in the way of taking its masks, and what becomes of them.

  Args:
    path: workdir of the ladder.
  """

  def __init__(self, path: pathlib.Path):
    self.path = path

  def checkpoints(self, index: int) -> pathlib.Path:
    """Returns the folder of the checkpoints of a round."""
    return self.path / rounds.round_name(index) / 'checkpoints'

  def check(self, remaining: Mapping[int, float]) -> None:
    """Raises UserError unless it has these rounds, with these shares of the weights."""
    found = rounds.read_description(self.path).get('rounds', {})
    for i, share in remaining.items():
      name = rounds.round_name(i)
      if not list_checkpoints(self.checkpoints(i)):
        raise errors.UserError(f'Taken.ladder: {self.path} holds no checkpoint of {name} to take masks from.')
      if not math.isclose(found.get(name, share), share):
        raise errors.UserError(f'Taken.ladder: {name} of {self.path} keeps {found[name]:.4g} of the weights, this ladder '
                               f'{share:.4g}: set RATE to what it was there.')

  def check_networks(self, trainer: Trainer, index: int, players: Collection[str]) -> None:
    """Raises CheckpointError, which names the layer, where the networks of these players, or masks, are others there."""
    starting_weights.check_parts(trainer, self.checkpoints(index), [
        *(f'weights/{name}' for name in players), *(f'masks/{name}' for name in trainer.methods)])

  def warn_of_unused_masks(self, trainer: Trainer, index: int) -> None:
    """Warns of players that have masks there and none here."""
    masked = checkpoint_files.masked_layers(self.checkpoints(index))
    if left := sorted({name.split('/')[0] for name in masked} - set(trainer.methods)):
      _LOG.warning('The masks that %s has for %s are not taken: PRUNED does not name the role.', self.path, ', '.join(left))

  def log_initial_seed(self, trainer: Trainer) -> None:
    """Says whether its masks meet the initial weights of their own seed: nobody sees it in the numbers."""
    seed = rounds.read_description(self.path).get('initial_seed')
    same = 'those that they were found with, if the networks are drawn alike' if seed == trainer.initial_seed else 'others'
    _LOG.info('Masks of %s (initial weights of seed %s) with initial weights of seed %d: %s.', self.path, seed,
              trainer.initial_seed, same)
