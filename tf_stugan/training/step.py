"""Builds the training step as a graph: turns, measurements of balance, mask updates, averages."""

from collections.abc import Callable, Iterable, Mapping, Sequence
import functools
from typing import Any

import numpy as np
import tensorflow as tf

from tf_stugan import compat
from tf_stugan import rng
from tf_stugan.gans.gan import GAN
from tf_stugan.metrics.balance_ratio import BalanceRatio
from tf_stugan.sparsity import masks
from tf_stugan.training import accumulation
from tf_stugan.training import agreement
from tf_stugan.training.loss_scale import LossScale
from tf_stugan.training.means import Means
from tf_stugan.training.moves import Moves
from tf_stugan.training.moves import mean_over_replicas
from tf_stugan.training.moves import part_of
from tf_stugan.training.probe import Probe
from tf_stugan.training.state import Side

BALANCE = 'balance'  # beside names of players, whose masks change: an event at which balance ratios are measured


class StepGraph:
  """Runs training steps in a graph, on every replica.

  Args:
    gan: a game that has been built.
    sides: what is kept for each player, by its name.
    loss_scales: by turn; empty where nothing is scaled.
    means: averages what turns report.
    balance: the balance ratios that are measured, by name.
    step: the number of the last step.
    seed: returns the seed of all random draws; it is called when a graph is traced, and is a constant of that graph.
    strategy: the strategy whose replicas compute.
    jit_compile: compile the step with XLA.

  Attributes:
    moves: makes the moves of the turns.
  """

  def __init__(self, gan: GAN, sides: Mapping[str, Side], loss_scales: Mapping[str, LossScale], means: Means,
               balance: Mapping[str, BalanceRatio], step: tf.Variable, seed: Callable[[], int],
               strategy: tf.distribute.Strategy, jit_compile: bool):
    self.moves = Moves(gan, sides, loss_scales, means, step, seed)
    self._gan = gan
    self._sides = sides
    self._balance = balance
    self._step = step
    self._seed = seed
    self._jit_compile = jit_compile
    self._strategy = strategy
    with strategy.scope():
      self._alone = not tf.distribute.has_strategy()
    self._possible = self._list_possible_events()
    self._functions = {}

  def _list_possible_events(self):
    updated = [name for name, side in self._sides.items() if side.method and any(s > 0 for s in side.method.update_steps())]
    return (*([BALANCE] if self._balance else ()), *updated)

  def run(self, iterator: Any, num_steps: int, events: Sequence[str]) -> np.ndarray:
    """Trains some steps.

    Args:
      iterator: of the batches.
      num_steps: the number of steps, at least 1.
      events: what happens in each of them: names of the players whose masks change, and BALANCE.

    Returns:
      The fingerprints of these masks after the last step, [replicas, 2 * players]; without a strategy [1, 0].
    """
    function, switches = self._prepare(events)
    return function(iterator, tf.constant(num_steps), switches).numpy()

  def traced(self, iterator: Any, events: Sequence[str] = ()) -> Any:
    """Returns the `tf.types.experimental.ConcreteFunction` that `run` calls."""
    function, switches = self._prepare(events)
    return function.get_concrete_function(iterator, tf.constant(1), switches)

  def _prepare(self, events):
    """Returns (function of the steps, the switches it is called with).

    One device has one graph, in which events are switched on and off. Replicas must not communicate in a branch that may
    be skipped, so a strategy, even of a single replica, has one graph for each combination of events, and no switches.
    """
    switches = tf.constant([name in events for name in self._possible if self._alone], tf.bool)
    known = None if self._alone else tuple(events)
    if known not in self._functions:
      self._functions[known] = tf.function(functools.partial(self._run_steps, known=known), autograph=False)
    return self._functions[known], switches

  @property
  def num_graphs(self) -> int:
    """How many graphs steps have been traced to."""
    return sum(function.experimental_get_tracing_count() for function in self._functions.values())

  def updates_between_steps(self, batches: Any, names: Sequence[str]) -> Callable[[], tf.Tensor]:
    """Makes a function that updates the masks of these players and returns their fingerprints on all replicas."""
    return tf.function(lambda: self._in_replicas(self._replica_update, batches, names), autograph=False)

  def probe_twice(self, player: str, batches: Any) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns what a player's turn reports for these batches, and for their negatives with other latents."""
    def look(batches, draw, sign):
      signed = tf.nest.map_structure(lambda x: sign * x if x.dtype.is_floating else x, batches)
      return tf.stack(list(self.moves.at_rest(player, signed, draw)[1].scalars.values()))
    look = tf.function(look, autograph=False)
    return tuple(self._in_replicas(look, batches, tf.constant(draw), tf.constant(sign))
                 for draw, sign in ((1, 1.0), (2, -1.0)))

  # In the graph. Events name whose masks change in a step, and BALANCE if balance ratios are measured.

  def _run_steps(self, iterator, num_steps, switches, known):
    """Trains as `run` does, with the `known` events; if that is None, with the events that are switched on."""
    happens = dict.fromkeys(known or (), True)
    if known is None:
      happens = dict(zip(self._possible, tf.unstack(switches), strict=True))

    def step(batches):
      return self._replica_step(batches, happens)

    if self._jit_compile:
      step = tf.function(step, jit_compile=True, autograph=False)

    def body(i, _):
      batches = next(iterator)
      # Where no data come nothing of the step has happened: neither what does not depend on them, as of singular vectors.
      with tf.control_dependencies(tf.nest.flatten(batches, expand_composites=True)):
        return i + 1, self._in_replicas(step, batches)
    nothing = tf.zeros([self._strategy.num_replicas_in_sync, 2 * len(changed(known or ()))])
    return tf.while_loop(lambda i, _: i < num_steps, body, [0, nothing], parallel_iterations=1)[1]

  def _in_replicas(self, function, *args):
    """Runs a function on all replicas, and returns the result of the first; it is equal on all of them."""
    return self._strategy.experimental_local_results(self._strategy.run(function, args=args))[0]

  def _replica_step(self, batches, happens):
    step = self._step + 1
    moves, made = {}, {}
    for turn in self._gan.turns:
      moves[turn.name] = self._move_repeatedly(turn, batches, step, made)
      made = {**made, **moves[turn.name].made}
      _choose(happens.get(BALANCE), functools.partial(self._measure_balance, turn, moves), lambda: None)
    for name, side in self._sides.items():
      move = moves[self.moves.turn_of(name).name]
      if side.method:
        side.method.observe(move.gradients[name])
      grown = _choose(
          happens.get(name), functools.partial(self._update_masks, side, move.gradients[name], move.finite, step),
          functools.partial(_no_weights, side.masked))
      if side.average:
        side.average.update(step, grown)
    compat.assign(self._step, step)
    return self._fingerprints(changed(happens))

  def _move_repeatedly(self, turn, batches, step, made):
    """Makes all moves of a turn, and returns the last one."""
    def move(i):
      return self.moves.make(turn, part_of(batches, turn.name, i), rng.seed(self._seed(), turn.name, step, i), made)

    def body(i):
      move(i)
      return i + 1
    last = turn.updates_per_step - 1
    if last > 1 and self._alone:
      tf.while_loop(lambda i: i < last, body, [0], parallel_iterations=1)
    else:
      for i in range(last):
        move(i)
    return move(last)

  def _fingerprints(self, names):
    """Hashes the masks of these players on every replica, for `agreement.check_masks`: [replicas, 2 * names]. On one
    device, or without names, there is nothing to compare: [replicas, 0]."""
    if not names or self._alone:
      return tf.zeros([self._strategy.num_replicas_in_sync, 0])
    masks_ = [[tf.convert_to_tensor(v.mask) for v in self._sides[name].masked] for name in names]
    return agreement.gather_replicas(tf.concat([agreement.fingerprint(m) for m in masks_], axis=0))

  def _measure_balance(self, turn, moves):
    """Measures the ratios around a turn right after it, before anybody else moves."""
    for name, ratio in self._balance.items():
      probe = self._gan.balance[name]
      if probe.turn != turn.name:
        continue
      move = moves[turn.name]
      with self.moves.undisturbed():
        (after, real), _ = accumulation.call_in_parts(
            lambda batch, seed, probe=probe, ratio=ratio: (
                [tf.reduce_mean(ratio.counted(scores)) for scores in probe.measure(batch, seed)], ()),
            moves[probe.opponent].batch, move.seed, turn.accumulation_steps)
      after, real = mean_over_replicas([after, real])
      ratio.add(move.scalars[probe.scalar], after, real)

  def _ratios_for(self, player):
    """Lists the balance ratios that the method of a player gets: one, or none."""
    return [ratio for name, ratio in self._balance.items() if player in self._gan.balance[name].players]

  def _update_masks(self, side, gradients, finite, step):
    """Updates the masks of one side; returns which weights were grown. Where gradients are not `finite`, nothing changes."""
    name = side.player.name
    ratio = next((ratio.decision_value() for ratio in self._ratios_for(name)), None)
    seed = rng.seed(self._seed(), f'{name}/regrow', step)
    touched = [] if finite is None else [
        *(v.mask for v in side.masked), *(v.weight for v in side.masked), *side.method.variables,
        *side.exploration.variables]
    before = [tf.convert_to_tensor(v) for v in touched]
    grown = side.method.update(side.masked, gradients, step, seed, ratio)
    masks.apply_masks(side.masked)
    side.exploration.update()
    for variable, value in zip(touched, before, strict=True):
      compat.assign(variable, tf.where(finite, tf.convert_to_tensor(variable), value))
    if finite is not None:
      grown = [mask & finite for mask in grown]
    if side.method.reset_optimizer_state:
      for variable, mask in zip(side.masked, grown, strict=True):
        for slot in compat.adam_slots(side.optimizer, variable.weight):
          compat.assign(slot, masks.masked(tf.convert_to_tensor(slot), ~mask))
    return grown

  def _replica_update(self, batches, names):
    """Updates masks between two steps: first all methods rank by batches that change nothing, then all masks are updated."""
    looks = {}
    probes = {name: Probe(self._gan, self.moves, self._sides[name], batches, looks) for name in names}
    ranked = {name: self._sides[name].method.ranking(probe) for name, probe in probes.items()}
    known = [probe.finite for probe in probes.values() if probe.finite is not None]
    finite = tf.reduce_all(known) if known else None  # where one overflows, the others wait for it
    for turn in self._gan.turns:
      self.moves.adjust_loss_scale(turn.name, [move for (name, _), (_, move) in looks.items() if name == turn.name])
    for name in names:
      self._update_masks(self._sides[name], ranked[name], finite, self._step)
    return self._fingerprints(names)


def _choose(condition, then, otherwise):
  """Returns `then()` or `otherwise()`, which make tensors of equal shapes. A condition that is a tensor becomes a branch of
  the graph; a known one is decided while the graph is traced."""
  if isinstance(condition, tf.Tensor):
    return tf.cond(condition, then, otherwise)
  return then() if condition else otherwise()


def changed(events: Iterable[str]) -> tuple[str, ...]:
  """Returns the names of the players whose masks change at these events."""
  return tuple(name for name in events if name != BALANCE)


def _no_weights(variables):
  return [tf.zeros(v.mask.shape, tf.bool) for v in variables]
