"""What a sparse-training method is to the trainer."""

import abc
from collections.abc import Mapping, Sequence

import tensorflow as tf

from tf_stugan import compat
from tf_stugan.rng import Seed
from tf_stugan.sparsity import rankings
from tf_stugan.sparsity.masks import MaskedVariable
from tf_stugan.sparsity.rankings import Ranking


class SparsityMethod(tf.Module, abc.ABC):
  """Decides the masks of one player's kernels: first ones when variables are made, later ones at its update steps.

  *When* masks change is asked on the host (`update_steps`); *what* changes is computed in the graph (`update`).
  State that must survive a restart is held in `tf.Variable`s.

  Attributes:
    reset_optimizer_state: whether the trainer zeroes the optimizer's moments of regrown weights (RigL) or keeps them
      (the STU-GAN code).
    is_static: whether masks never change after they were made.
    across_layers: whether one ranking over all layers decides, so that what each keeps is not known beforehand.
    needs_balance_ratio: whether `update` cannot do without one.
    ranking: what an `update` before training is given in the place of gradients; see `rankings`.
    rounds: how many updates there are before training, each with gradients of its own.
  """

  reset_optimizer_state = False
  is_static = False
  across_layers = False
  needs_balance_ratio = False
  ranking: Ranking = staticmethod(rankings.gradient)
  rounds = 1

  def initialize(self, variables: Sequence[MaskedVariable], seed: Seed) -> None:
    """Assigns the first masks (not the weights): every weight is there, unless a method says otherwise."""
    del seed
    for variable in variables:
      compat.assign(variable.mask, tf.ones_like(variable.mask))

  def update_steps(self) -> Sequence[int]:
    """Lists the steps at whose end masks change, ascending, counted from 1; 0 is before the first one, with the first batch.

    A `range`, where it can be one: runs may be long.
    """
    return ()

  def is_update_step(self, step: int) -> bool:
    """Tells whether `step` is one of `update_steps`."""
    return step in self.update_steps()

  def density_steps(self) -> Sequence[int]:
    """Lists those of `update_steps` after which `expected_densities` are worth asking for again."""
    return self.update_steps()

  def is_settled(self, step: int) -> bool:
    """Tells whether the density at `step` is meant to be the final one; scores from before do not count as the method's."""
    del step
    return True

  @abc.abstractmethod
  def expected_densities(self, shapes: Mapping[str, tuple[int, ...]], step: int) -> dict[str, float]:
    """Predicts what each layer keeps after the updates up to `step`, as far as it can be told without training.

    Where a ranking across layers decides, it is that of the start, or the density that all of them have together.
    """

  def observe(self, gradients: Sequence[tf.Tensor]) -> None:
    """Sees the gradients of every step, as `update` does, before it."""

  def update(self, variables: Sequence[MaskedVariable], gradients: Sequence[tf.Tensor], step: tf.Tensor,
             seed: Seed, balance_ratio: tf.Tensor | None = None) -> list[tf.Tensor]:
    """Assigns new masks.

    Args:
      variables: as in `initialize`.
      gradients: of the player's loss, dense, one for each variable, equal on every replica.
      step: int64 scalar, counted from 1.
      seed: for random scores.
      balance_ratio: of the game, float64 scalar, NaN while it is not known; None where nobody measures it.

    Returns:
      For each variable a bool tensor that marks what was regrown. Regrown weights are 0, except those that were
      dropped and regrown by the same update, which are not marked and keep their value.
    """
    raise NotImplementedError(f'{type(self).__name__} has no update steps')
