"""Computes a turn for a batch on each replica, and makes the optimizer steps of its players."""

from collections.abc import Callable, Iterator, Mapping, Sequence
import contextlib
from typing import Any, NamedTuple

import tensorflow as tf

from tf_stugan import compat
from tf_stugan import faults
from tf_stugan import rng
from tf_stugan.gans.gan import Batch
from tf_stugan.gans.gan import GAN
from tf_stugan.gans.gan import Turn
from tf_stugan.rng import Seed
from tf_stugan.sparsity import masks
from tf_stugan.training import accumulation
from tf_stugan.training.loss_scale import LossScale
from tf_stugan.training.means import Means
from tf_stugan.training.state import Side


class Move(NamedTuple):
  """Holds what one update of a turn computed.

  Attributes:
    batch, seed: what the update was given.
    gradients: gradients of the masked kernels, by player.
    scalars: what the turn reports, averaged over the replicas.
    made: tensors for later turns of the same step.
    finite: whether no gradient overflowed; where one did, all are zero. None where gradients cannot overflow.
  """

  batch: Batch
  seed: Seed
  gradients: Mapping[str, Sequence[tf.Tensor]]
  scalars: Mapping[str, tf.Tensor]
  made: Mapping[str, tf.Tensor]
  finite: tf.Tensor | None


class Moves:
  """Makes the moves of a game's turns, the same on every replica, or computes them without moving anything.

  Args:
    gan: a game that has been built.
    sides: what is kept for each player, by its name.
    loss_scales: by turn; empty where nothing is scaled.
    means: averages what turns report.
    step: the number of the last step.
    seed: returns the seed of all random draws; it is called when a graph is traced, and is a constant of that graph.
  """

  def __init__(self, gan: GAN, sides: Mapping[str, Side], loss_scales: Mapping[str, LossScale], means: Means,
               step: tf.Variable, seed: Callable[[], int]):
    self._gan = gan
    self._sides = sides
    self._loss_scales = loss_scales
    self._means = means
    self._step = step
    self._seed = seed
    self._disturbed = self._moved_by_a_forward_pass()

  def _moved_by_a_forward_pass(self):
    """Lists BatchNorm statistics, singular vectors, and what the game itself remembers."""
    kept = [v.mask for side in self._sides.values() for v in side.masked]
    kept += [v for player in self._gan.players if player.averaged for v in player.averaged.variables]
    ids = {id(v) for v in kept}
    return [v for v in self._gan.variables if not v.trainable and id(v) not in ids]

  def make(self, turn: Turn, batch: Batch, seed: Seed, made: Mapping[str, tf.Tensor]) -> Move:
    """Takes one optimizer step of each player of a turn."""
    gradients, move = self._compute(turn, batch, seed, made)
    self.adjust_loss_scale(turn.name, [move])
    for name in turn.players:
      side = self._sides[name]
      variables = side.player.network.trainable_variables
      side.optimizer.apply_gradients(zip(gradients[name], variables, strict=True), skip_gradients_aggregation=True)
      if side.player.after_update:
        side.player.after_update(side.player.network, tf.convert_to_tensor(side.optimizer.learning_rate))
      masks.apply_masks(side.masked)
    self._means.add({f'{turn.name}/{key}': value for key, value in move.scalars.items()})
    return move

  def adjust_loss_scale(self, turn: str, moves: Sequence[Move]) -> None:
    """Adjusts the loss scale of a turn, if it has one, by whether gradients of these moves overflowed."""
    if moves and turn in self._loss_scales:
      self._loss_scales[turn].adjust(tf.reduce_all([move.finite for move in moves]))

  def turn_of(self, player: str) -> Turn:
    """Finds the last turn in which a player moves: its gradients are those that its sparsity method ranks."""
    return next(turn for turn in reversed(self._gan.turns) if player in turn.players)

  def at_rest(self, player: str, batches: Any, draw: int = 0, along: Any = None) -> tuple[Any, Move]:
    """Returns what the turn of a player computes, and leaves every variable as it is.

    Args:
      player: the name of the player.
      batches: the batches of this replica.
      draw: a number; a different one draws different latents.
      along: None, or tensors shaped like the gradients: then the Hessian of the loss times these is returned in place of
        the gradients.
    """
    made, last = {}, self.turn_of(player)
    for turn in self._gan.turns:
      batch, seed = part_of(batches, turn.name, 0), rng.seed(self._seed(), turn.name, self._step, draw)
      with self.undisturbed():
        if turn is last:
          return self._compute(turn, batch, seed, made, along)
        _, new = accumulation.call_in_parts(
            lambda part, seed, turn=turn: ((), turn.objective(part[0], seed, part[1]).made),
            (batch, made), seed, turn.accumulation_steps)
      made = {**made, **new}
    raise ValueError(f'{player} never moves.')

  @contextlib.contextmanager
  def undisturbed(self) -> Iterator[None]:
    """Restores, at the end of the `with` block, what a forward pass in training mode changes."""
    before = [tf.convert_to_tensor(v) for v in self._disturbed]
    yield
    for variable, value in zip(self._disturbed, before, strict=True):
      compat.assign(variable, value)

  def _compute(self, turn, batch, seed, made, along=None):
    """Returns (all gradients by player, `Move`) of one batch, equal on every replica, before anything moves.

    `along`: as in `at_rest`.
    """
    variables = {name: self._sides[name].player.network.trainable_variables for name in turn.players}
    loss_scale = self._loss_scales.get(turn.name)

    def differentiate_part(part, seed):
      batch, made = part
      with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(variables)
        outcome = turn.objective(batch, seed, made)
        loss = faults.poisoned(outcome.loss, f'{turn.name}_loss', self._step + 1)
        target = loss_scale.scaled(loss) if loss_scale else loss
      gradients = tape.gradient(target, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
      return (gradients, {'loss': loss, **outcome.scalars}), outcome.made

    def multiply_hessian(part, seed):
      with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(variables)
        (gradients, scalars), made = differentiate_part(part, seed)
        pairs = zip(tf.nest.flatten(along), tf.nest.flatten(gradients), strict=True)
        target = tf.add_n([tf.reduce_sum(a * g) for a, g in pairs])
      products = tape.gradient(target, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
      return (products, scalars), made

    (gradients, scalars), made = accumulation.call_in_parts(
        multiply_hessian if along else differentiate_part, (batch, made), seed, turn.accumulation_steps)
    gradients, scalars = mean_over_replicas((gradients, scalars))
    finite = None
    if loss_scale:
      flat, finite = loss_scale.unscaled(tf.nest.flatten(gradients))
      gradients = tf.nest.pack_sequence_as(gradients, flat)
    return gradients, Move(batch, seed, self._pick_masked(gradients), scalars, made, finite)

  def _pick_masked(self, gradients):
    """Picks the gradients of the masked kernels of each player, in the order of the masks."""
    result = {}
    for name, given in gradients.items():
      side = self._sides[name]
      by_variable = {id(v): g for v, g in zip(side.player.network.trainable_variables, given, strict=True)}
      result[name] = [by_variable[id(v.weight)] for v in side.masked]
    return result


def mean_over_replicas(values: Any) -> Any:
  """Averages tensors over all replicas; each of them has to call it."""
  return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, values)


def part_of(batches: Any, name: str, i: Any) -> Batch:
  """Returns the batch of the i-th update of a turn in a step; an empty one for a turn that uses no data."""
  return tf.nest.map_structure(lambda value: value[i], batches.get(name, {}))
