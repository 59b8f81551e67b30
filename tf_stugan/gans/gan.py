"""Who plays, for what."""

import abc
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_stugan import errors
from tf_stugan.compat import keras
from tf_stugan.rng import Seed

Batch = Mapping[str, tf.Tensor]  # 'images': [N, H, W, C] in [-1, 1], 'labels': int32 [N]
Objective = Callable[[Batch, Seed], tuple[tf.Tensor, Mapping[str, tf.Tensor]]]


class Player(NamedTuple):
  """One side of the game.

  Attributes:
    name: 'generator', 'discriminator' ...; also names the player's optimizer and sparsity method in gin.
    network: what the player moves.
    objective: (this replica's share of a batch, seed) -> (loss, scalars to report); sees the networks of the others, too.
      The batch is empty for a player that uses no data.
    scalars: names of what the objective reports beside its loss.
    batch_size: images of one update, over all replicas.
    updates_per_step: how often it moves in one training step.
    uses_data: whether its batches hold real images.
    averaged: the network of the same kind that holds the average of this one, or None.
    accumulation_steps: parts that a batch is cut into; their gradients are averaged, and only one part is in memory.
    clip: after each update every variable of the network is clipped to [-clip, clip]; None leaves them (weight clipping,
      Arjovsky et al., 2017).
  """

  name: str
  network: keras.Model
  objective: Objective
  scalars: tuple[str, ...]
  batch_size: int
  updates_per_step: int = 1
  uses_data: bool = False
  averaged: keras.Model | None = None
  accumulation_steps: int = 1
  clip: float | None = None


class BalanceProbe(NamedTuple):
  """How the balance ratio is measured around one player's update.

  Attributes:
    player: whose update it is; its objective reports `scalar`, a mean score of fake images, before it.
    scalar: see `player`.
    opponent: whose last batch of the step holds the real images.
    measure: (that batch, seed of the update) -> scores, after the update, of the same fake images made anew and of the
      real ones; any shapes.
  """

  player: str
  scalar: str
  opponent: str
  measure: Callable[[Batch, Seed], tuple[tf.Tensor, tf.Tensor]]


class Work(NamedTuple):
  """What one training step computes with one player's network.

  Attributes:
    player: whose network.
    images: that pass through it in a step.
    passes: 1 for the forward, 1 more for a gradient with respect to its input, 1 more for one to its weights.
  """

  player: str
  images: int
  passes: int


class GAN(tf.Module, abc.ABC):
  """An ordered tuple of players; they move in this order in every step.

  Attributes:
    players: who moves.
    num_classes: classes that images are made of; 0 where images have none. The data set has to have as many.
    balance: how the balance ratio is measured; None where the game has none.
    work: what a step costs, for the ledger.
    precision: what the networks compute in while they train: 'float32', 'bfloat16' or 'float16'.
  """

  players: tuple[Player, ...]
  num_classes: int = 0
  balance: BalanceProbe | None = None
  work: tuple[Work, ...] = ()
  precision: str = 'float32'

  @abc.abstractmethod
  def build(self, image_shape: tuple[int, int, int] | None = None) -> tuple[int, int, int]:
    """Creates all variables, for images [H, W, C] or, without a shape, for the images that it makes.

    Returns:
      The shape [H, W, C].

    Raises:
      UserError: the networks do not fit the images.
    """

  def ones(self, player: str) -> tuple[tf.Tensor, tf.Tensor]:
    """What the player's network is called with for one image, once built: ones [1, ...] and the label 0, int32 [1].

    Raises:
      UserError: the networks of this GAN are called with something else; SynFlow cannot prune them.
    """
    raise errors.UserError(f'{type(self).__name__} does not tell what the network of the {player} takes, as SynFlow asks.')

  @abc.abstractmethod
  def sample(self, seeds: np.ndarray, labels: np.ndarray | None = None, averaged: bool = True,
             batch_statistics: bool = False, truncation: float | None = None) -> np.ndarray:
    """One image a seed; the same seed gives the same image in any batch, except with batch statistics.

    Args:
      seeds: integers >= 0, [N].
      labels: int [N], the classes; each seed's own, uniformly drawn class if not given. Ignored without classes.
      averaged: of the network that holds the average.
      batch_statistics: BatchNorm uses the statistics of these N images, as in training, not running ones.
      truncation: bound of the latent's components (BigGAN, section 3.1); None for no bound.

    Returns:
      float32 [N, H, W, C] in [-1, 1].
    """

  @abc.abstractmethod
  def interpolate(self, first: int, last: int, count: int, label: int | None = None,
                  truncation: float | None = None) -> np.ndarray:
    """`count` images on the way from one seed's latent to another's, both included; as `sample` otherwise.

    All are of class `label`, or of the first seed's own class. Latents on the way are clipped to the bound.
    """
