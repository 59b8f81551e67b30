"""What a sparse-training method is to the trainer."""

import abc
from collections.abc import Mapping, Sequence

import tensorflow as tf

from tf_stugan.rng import Seed
from tf_stugan.sparsity.masks import MaskedVariable


class SparsityMethod(tf.Module, abc.ABC):
  """Decides the masks of one player's kernels: first ones before step 1, later ones at its update steps.

  *When* masks change is asked on the host (`is_update_step`); *what* changes is computed in the graph (`update`).
  State that must survive a restart is held in `tf.Variable`s.

  Attributes:
    reset_optimizer_state: whether the trainer zeroes the optimizer's moments of regrown weights (RigL) or keeps them
      (the STU-GAN code).
  """

  reset_optimizer_state = False

  @abc.abstractmethod
  def initialize(self, variables: Sequence[MaskedVariable], seed: Seed) -> None:
    """Assigns the first masks (not the weights)."""

  def is_update_step(self, step: int) -> bool:
    """Whether masks change at the end of `step`, counted from 1."""
    del step
    return False

  def update(self, variables: Sequence[MaskedVariable], gradients: Sequence[tf.Tensor], step: tf.Tensor,
             seed: Seed) -> list[tf.Tensor]:
    """Assigns new masks.

    Args:
      variables: as in `initialize`.
      gradients: of the player's loss, dense, one for each variable, equal on every replica.
      step: int64 scalar, counted from 1.
      seed: for random scores.

    Returns:
      For each variable a bool tensor that marks what was regrown. Regrown weights are 0, except those that were
      dropped and regrown by the same update, which are not marked and keep their value.
    """
    raise NotImplementedError(f'{type(self).__name__} has no update steps')

  def observe(self, scalars: Mapping[str, float]) -> None:
    """Reads what was measured since the last report, on the host."""
