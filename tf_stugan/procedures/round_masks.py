"""Where the rounds of a ladder get their masks from."""

from collections.abc import Callable
import pathlib
from typing import Protocol

from tf_stugan import errors
from tf_stugan import rng
from tf_stugan.sparsity import rewiring
from tf_stugan.sparsity import scores
from tf_stugan.training import starting_weights
from tf_stugan.training.trainer import Trainer

Place = Callable[[str], pathlib.Path]  # 'dense' or 'previous' -> the folder of the checkpoints of that run
Kept = Callable[[int], int]  # weights of a network, or of a layer -> how many of them a round keeps


class RoundMasks(Protocol):
  """Assigns the masks of a round.

  Attributes:
    of: the run that is looked at: 'dense', 'previous', 'source' (a run elsewhere), or '' for none.
  """

  of: str

  def __call__(self, trainer: Trainer, player: str, index: int, kept: Kept, place: Place) -> None:
    """Assigns those of one player.

    Args:
      trainer: of the round, built; weights and averages of the player may be left in any state.
      player: its name.
      index: of the round, from 1.
      kept: how many weights are to stay.
      place: of the runs before.
    """


class Magnitude:
  """Keeps the largest weights of a trained network, among those that it still has (Han et al., 2015).

  Args:
    of: 'previous' prunes round by round (IMP), 'dense' once (OMP).
    weights: which values are compared: 'raw', 'averages', or 'published': raw ones of the dense run, and of later rounds
      the averages of a player that has any. The authors' code comes to the latter since its masked kernels were last
      computed when the averages were scored.
    across_layers: one ranking over all layers, or one a layer.
  """

  def __init__(self, of: str = 'previous', weights: str = 'published', across_layers: bool = True):
    errors.check_choice(self, ('previous', 'dense'), of=of)
    errors.check_choice(self, ('published', 'raw', 'averages'), weights=weights)
    self.of = of
    self.weights = weights
    self.across_layers = across_layers

  def __call__(self, trainer, player, index, kept, place):
    first = self.of == 'dense' or index == 1
    side = trainer.sides[player]
    averages = side.average and (self.weights == 'averages' or self.weights == 'published' and not first)
    parts = [] if first else [f'masks/{player}']
    starting_weights.restore_parts(
        trainer, place(self.of), [*parts, f'{"averages" if averages else "weights"}/{player}'])
    _rank(side.average.masked if averages else side.masked, scores.magnitude, kept, self.across_layers)


class Random:
  """Keeps weights at random; what a round keeps, all rounds before it kept, too.

  Args:
    across_layers: one draw over all layers, or the same share of each.
  """

  of = ''

  def __init__(self, across_layers: bool = True):
    self.across_layers = across_layers

  def __call__(self, trainer, player, index, kept, place):
    _rank(trainer.sides[player].masked, scores.random, kept, self.across_layers,
          rng.seed(trainer.seed, f'{player}/random_masks'))


class Taken:
  """Keeps what the same round of another ladder keeps, whatever that was found by.

  Args:
    ladder: its workdir.
  """

  of = 'source'

  def __init__(self, ladder: str):
    self.ladder = pathlib.Path(ladder).expanduser()

  def __call__(self, trainer, player, index, kept, place):
    starting_weights.restore_parts(trainer, place('source'), [f'masks/{player}'])


def _rank(variables, score, kept, across_layers, seed=None):
  """Keeps the weights of the largest scores among those of the present masks; no gradient is looked at."""
  seed = rng.seed(0, '') if seed is None else seed
  rewiring.rewire(variables, [v.weight for v in variables], seed, lambda active, size: (active - kept(size), 0),
                  drop_score=score, across_layers=across_layers)
