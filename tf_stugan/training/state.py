"""Holds the state of a run beside its networks: what is kept for each player, and on the host."""

import collections
from collections.abc import Iterable, Mapping, Sequence
import dataclasses

import tensorflow as tf

from tf_stugan import rng
from tf_stugan.compat import keras
from tf_stugan.gans.gan import Player
from tf_stugan.metrics.exploration_rate import ExplorationRate
from tf_stugan.sparsity import masks
from tf_stugan.sparsity.masks import MaskedVariable
from tf_stugan.sparsity.method import SparsityMethod
from tf_stugan.sparsity.sparse_ema import SparseEMA
from tf_stugan.training.layer_choice import LayerChoice


@dataclasses.dataclass
class HostState:
  """Holds what belongs in a checkpoint beside variables, in JSON types.

  Attributes:
    train_seconds: wall-clock time spent in training steps so far, over all starts of the run, without evaluations, pictures
      and saving.
    evaluation_seconds: wall-clock time spent in evaluations.
    best: the best evaluation so far, {name of the first score: [value, step]}; empty before there is one.
    rollbacks: how often the run went back to a checkpoint because a loss was not finite.
    pending_evaluation: whether the run was stopped while this step was scored.
  """

  train_seconds: float = 0.0
  evaluation_seconds: float = 0.0
  rollbacks: int = 0
  pending_evaluation: bool = False
  best: dict[str, list] = dataclasses.field(default_factory=dict)


class Side(tf.Module):
  """Keeps what a run needs for one player; made after the player's network is built.

  Attributes:
    player: the player.
    optimizer: the optimizer of its network.
    method: its sparsity method, or None.
    masked: its kernels with their masks; empty without a method.
    exploration: which weights have ever been active; None without masks.
    average: the average of its weights; None where the player has no network for it.
  """

  def __init__(self, player: Player, optimizer: keras.optimizers.Optimizer, method: SparsityMethod | None,
               average: SparseEMA | None, layers: LayerChoice, seed: int):
    super().__init__(name=player.name)
    self.player = player
    self.optimizer = optimizer
    self.method = method
    self.average = average
    optimizer.build(player.network.trainable_variables)
    self.masked = layers(player.network) if method else []
    self.exploration = None
    if method:
      method.initialize(self.masked, rng.seed(seed, f'{player.name}/initial_masks'))
      masks.apply_masks(self.masked)
      self.exploration = ExplorationRate()
      self.exploration.initialize(self.masked)
    if average:
      average.initialize(player.network, player.averaged, self.masked)

  def parts(self) -> dict[str, dict[str, tf.Variable]]:
    """Returns all variables of this side, by part of the run and by name."""
    return {
        'weights': named(self.player.network.variables, self.player.network.name, without=[v.mask for v in self.masked]),
        'masks': {v.name: v.mask for v in self.masked},
        'averages': named(self.player.averaged.variables, self.player.averaged.name) if self.average else {},
        'regrown': _by_layer(self.masked, self.average.fresh) if self.average else {},
        'optimizers': named(self.optimizer.variables, self.optimizer.name),
        'methods': named(self.method.variables, self.method.name) if self.method else {},
        'exploration': _by_layer(self.masked, self.exploration.explored) if self.exploration else {}}


def named(variables: Iterable[tf.Variable], prefix: str, without: Iterable[tf.Variable] = ()) -> dict[str, tf.Variable]:
  """Returns variables by name, without the leading '`prefix`/' and the trailing ':0'; those in `without` are left out.

  Variables of the same name are numbered in their order: 'Variable', 'Variable_1' ...
  """
  left_out = {id(v) for v in without}
  result, seen = {}, collections.Counter()
  for variable in variables:
    if id(variable) not in left_out:
      name = variable.name.removesuffix(':0').removeprefix(f'{prefix}/')
      result[f'{name}_{seen[name]}' if seen[name] else name] = variable
      seen[name] += 1
  return result


def _by_layer(masked: Sequence[MaskedVariable], variables: Sequence[tf.Variable]) -> Mapping[str, tf.Variable]:
  return {v.name: variable for v, variable in zip(masked, variables, strict=True)}
