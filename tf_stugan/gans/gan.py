"""Who plays, for what, and what comes out of it."""

import abc
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import tensorflow as tf

from tf_stugan import errors
from tf_stugan.compat import keras
from tf_stugan.data.images import Examples
from tf_stugan.gans.distances import Distance
from tf_stugan.gans.outputs import Output
from tf_stugan.rng import Seed

Shape = tuple[int, int, int]  # of an image: height, width, channels


Batch = Mapping[str, Examples]  # by domain


class Outcome(NamedTuple):
  """What an objective returns.

  Attributes:
    loss: a scalar to minimize.
    scalars: what is reported beside it, by name.
    made: tensors [N, ...] by name that the later turns of the same step are handed.
  """

  loss: tf.Tensor
  scalars: Mapping[str, tf.Tensor]
  made: Mapping[str, tf.Tensor] = {}


Objective = Callable[[Batch, Seed, Mapping[str, tf.Tensor]], Outcome]
AfterUpdate = Callable[[keras.Model, tf.Tensor], None]  # (network, learning rate of the update)


class Player(NamedTuple):
  """One side of the game: a network that moves.

  Attributes:
    name: unique in the game; also names what belongs to the player in reports and checkpoints.
    role: what the player is, for example a 'generator'. A configuration says once for every role how its players are
      optimized, masked and averaged.
    network: what moves.
    averaged: a network of the same kind that holds the average of this one, or None.
    after_update: changes the network after each step of its optimizer, before its masks are applied; or None.
  """

  name: str
  role: str
  network: keras.Model
  averaged: keras.Model | None = None
  after_update: AfterUpdate | None = None


class Turn(NamedTuple):
  """One or several players that move at the same time, for one loss.

  Attributes:
    name: unique in the game; names its batches, its random draws and its scalars.
    players: names of those that move.
    objective: (this replica's share of a batch, seed, what earlier turns of this step made) -> `Outcome`.
    scalars: names of what the objective reports beside its loss.
    batch_size: images of one update, of each domain, over all replicas.
    updates_per_step: how often it is played in one training step.
    domains: whose images its batches hold; none for a turn that uses no data.
    accumulation_steps: parts that a batch is cut into; their gradients are averaged, and only one part is in memory.
  """

  name: str
  players: tuple[str, ...]
  objective: Objective
  scalars: tuple[str, ...]
  batch_size: int
  updates_per_step: int = 1
  domains: tuple[str, ...] = ()
  accumulation_steps: int = 1


class BalanceProbe(NamedTuple):
  """How a balance ratio is measured around one turn.

  Attributes:
    turn: whose update it is; its objective reports `scalar`, a mean score of fake images, before it.
    scalar: see `turn`.
    opponent: the turn whose last batch of the step holds the real images.
    measure: (that batch, seed of the update) -> scores, after the update, of the same fake images made anew and of the
      real ones; any shapes.
    players: whose sparsity methods are told the ratio.
  """

  turn: str
  scalar: str
  opponent: str
  measure: Callable[[Batch, Seed], tuple[tf.Tensor, tf.Tensor]]
  players: tuple[str, ...]


class Work(NamedTuple):
  """What one training step computes with one player's network.

  Attributes:
    player: whose network.
    images: that pass through it in a step.
    passes: 1 for the forward, 1 more for a gradient with respect to its input, 1 more for one to its weights.
    of_teacher: it is the network that the player learns from; see `GAN.teachers`.
  """

  player: str
  images: int
  passes: int
  of_teacher: bool = False


class GAN(tf.Module, abc.ABC):
  """Players, and the turns in which they move in every step.

  Variables that a game keeps beside its networks are found like those of any `tf.Module`: they are replicated, saved and
  restored. Inside a turn they are assigned by `compat.assign`.

  Attributes:
    players: whose networks are trained.
    turns: in the order in which they are played.
    domains: names of the sets of images that the game is played on.
    outputs: what the game makes, by name.
    num_classes: classes that the images of a domain have to have; 0 where labels do not matter.
    balance: balance ratios that can be measured, by the name under which they are reported.
    work: what a step costs, for the ledger.
    precision: what the networks compute in while they train: 'float32', 'bfloat16' or 'float16'.
    teachers: networks that stay as they are, by the player whose kind they are of; whoever wants one gives it its weights.
  """

  players: tuple[Player, ...]
  turns: tuple[Turn, ...]
  domains: tuple[str, ...]
  outputs: Mapping[str, Output]
  num_classes: int = 0
  balance: Mapping[str, BalanceProbe] = {}
  work: tuple[Work, ...] = ()
  precision: str = 'float32'
  teachers: Mapping[str, keras.Model] = {}

  @abc.abstractmethod
  def build(self, image_shapes: Mapping[str, Shape] | None = None) -> Mapping[str, Shape]:
    """Creates all variables.

    Args:
      image_shapes: by domain; without them the networks are built for images of their own choice.

    Returns:
      The shapes, by domain.

    Raises:
      UserError: the networks do not fit the images.
    """

  def ones(self, player: str) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns what the player's network is called with for one image, once built: ones [1, ...] and the label 0, int32 [1].

    Raises:
      UserError: the networks of this GAN are called with something else; SynFlow cannot prune them.
    """
    raise errors.UserError(f'{type(self).__name__} does not tell what the network of the {player} takes, as SynFlow asks.')

  def distil(self, weight: float) -> None:
    """Lets a teacher take part, who is in `teachers` from then on; call it before the game is built.

    Args:
      weight: of the teacher's term in the loss.

    Raises:
      UserError: this game has no place for one.
    """
    raise errors.UserError(f'{type(self).__name__} has nobody who could learn from a teacher: leave the distillation out.')

  def imitate(self, distance: Distance, adversarial: float = 1.0) -> None:
    """Adds, to the losses of the players that make images, the distance from what a teacher of full width makes of the same.

    The teachers are in `teachers` from then on, in inference mode; call it before the game is built.

    Args:
      distance: between images of a teacher and of its player.
      adversarial: what the game's own loss of these players is multiplied by.

    Raises:
      UserError: nobody in this game makes images.
    """
    raise errors.UserError(f'{type(self).__name__} has nobody who could imitate a teacher.')



def check_players(what: str, given: Iterable[str], players: Iterable[str]) -> None:
  """Raises UserError where what is given by player names somebody whom it is not for."""
  if unknown := sorted(set(given) - set(players)):
    raise errors.UserError(f'{what} names {", ".join(unknown)}; it is for {", ".join(players)}.')


def check_roles(what: str, given: Iterable[str], roles: Iterable[str]) -> None:
  """Raises UserError where what is given by role names a role that nobody has."""
  if unknown := sorted(set(given) - set(roles)):
    raise errors.UserError(f'{what} names {", ".join(unknown)}; the roles of this game are {", ".join(sorted(set(roles)))}.')
