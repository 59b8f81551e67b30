"""The training step as a graph: turns, measurements, mask updates, averages."""

from collections.abc import Callable, Iterable, Mapping, Sequence
import contextlib
import functools
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tf_stugan import compat
from tf_stugan import faults
from tf_stugan import rng
from tf_stugan.gans.gan import Batch
from tf_stugan.gans.gan import GAN
from tf_stugan.gans.gan import Turn
from tf_stugan.metrics.balance_ratio import BalanceRatio
from tf_stugan.rng import Seed
from tf_stugan.sparsity import masks
from tf_stugan.training import accumulation
from tf_stugan.training import agreement
from tf_stugan.training import synaptic_flow
from tf_stugan.training.loss_scale import LossScale
from tf_stugan.training.means import Means
from tf_stugan.training.state import Side

BALANCE = 'balance'  # beside names of players, whose masks change: an event at which balance ratios are measured


class _Move(NamedTuple):
  """What one update of a turn leaves behind.

  Attributes:
    batch, seed: what it was given.
    gradients: of masked kernels, by player.
    scalars: means over the replicas.
    made: for later turns of the same step.
    finite: None where gradients cannot overflow; where they did, they are zero.
  """

  batch: Batch
  seed: Seed
  gradients: Mapping[str, Sequence[tf.Tensor]]
  scalars: Mapping[str, tf.Tensor]
  made: Mapping[str, tf.Tensor]
  finite: tf.Tensor | None


class _Probe:
  """As `rankings.Probe`, in the graph of one replica. Probes of one graph share `looks`: players of one turn see the same.

  Attributes:
    finite: None where gradients cannot overflow, else whether none did.
  """

  def __init__(self, graph: 'StepGraph', player: str, batches: Any, looks: dict[tuple[str, bool], Any]):
    self.finite = None
    self._looks = looks
    self._graph = graph
    self._player = player
    self._batches = batches

  def gradient(self) -> list[tf.Tensor]:
    return self._look()[1].gradients[self._player]

  def hessian_gradient(self) -> list[tf.Tensor]:
    return self._look(along=self._look()[0])[1].gradients[self._player]

  def flow(self) -> list[tf.Tensor]:
    side = self._graph.side(self._player)
    return synaptic_flow.gradients(
        side.player.network, self._graph.ones(self._player), [v.weight for v in side.masked])

  def _look(self, along=None):
    key = self._graph.turn_of(self._player).name, along is not None
    if key not in self._looks:
      self._looks[key] = self._graph.at_rest(self._player, self._batches, along=along)
    gradients, move = self._looks[key]
    if move.finite is not None:
      self.finite = move.finite if self.finite is None else self.finite & move.finite
    return gradients, move


class StepGraph:
  """What happens in a step, on every replica.

  Args:
    gan: built.
    sides: by player.
    loss_scales: by turn; empty where nothing is scaled.
    means: takes in what turns report.
    balance: balance ratios by name.
    step: the number of the last step.
    seed: tells the seed of all that is drawn, when a graph is traced; it is a constant there.
    strategy: whose replicas compute.
    jit_compile: compile the step with XLA.
  """

  def __init__(self, gan: GAN, sides: Mapping[str, Side], loss_scales: Mapping[str, LossScale], means: Means,
               balance: Mapping[str, BalanceRatio], step: tf.Variable, seed: Callable[[], int],
               strategy: tf.distribute.Strategy, jit_compile: bool):
    self._gan = gan
    self._sides = sides
    self._loss_scales = loss_scales
    self._means = means
    self._balance = balance
    self._step = step
    self._seed = seed
    self._jit_compile = jit_compile
    self._strategy = strategy
    self._disturbed = self._moved_by_a_forward_pass()
    self._possible = self._list_possible_events()
    self._functions = {}

  def _moved_by_a_forward_pass(self):
    """Lists BatchNorm statistics, singular vectors, and what the game itself remembers."""
    kept = [v.mask for side in self._sides.values() for v in side.masked]
    kept += [v for player in self._gan.players if player.averaged for v in player.averaged.variables]
    ids = {id(v) for v in kept}
    return [v for v in self._gan.variables if not v.trainable and id(v) not in ids]

  def _list_possible_events(self):
    updated = [name for name, side in self._sides.items() if side.method and any(s > 0 for s in side.method.update_steps())]
    return (*([BALANCE] if self._balance else ()), *updated)

  def run(self, iterator: Any, num_steps: int, events: Sequence[str]) -> np.ndarray:
    """Trains some steps.

    Args:
      iterator: of the batches.
      num_steps: how many, at least 1.
      events: what happens in each of them: names of the players whose masks change, and BALANCE.

    Returns:
      The fingerprints of these masks after the last one, [replicas, 2 * players]; of one replica nothing, [1, 0].
    """
    function, switches = self._prepare(events)
    return function(iterator, tf.constant(num_steps), switches).numpy()

  def traced(self, iterator: Any, events: Sequence[str] = ()) -> Any:
    """Returns the `tf.types.experimental.ConcreteFunction` that `run` calls."""
    function, switches = self._prepare(events)
    return function.get_concrete_function(iterator, tf.constant(1), switches)

  def _prepare(self, events):
    """Returns (function, switches of what may happen in it).

    One device has one graph, in which events are switched on and off. Replicas must not talk in a part of a graph that may
    be left out: several of them have a graph for each combination of events, and no switches.
    """
    one = self._strategy.num_replicas_in_sync == 1
    switches = tf.constant([name in events for name in self._possible if one], tf.bool)
    known = None if one else tuple(events)
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

  def two_looks(self, player: str, batches: Any) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns what a player's turn reports of these batches, and of their negatives with other latents; nothing moves."""
    def look(batches, draw, sign):
      signed = tf.nest.map_structure(lambda x: sign * x if x.dtype.is_floating else x, batches)
      return tf.stack(list(self.at_rest(player, signed, draw)[1].scalars.values()))
    look = tf.function(look, autograph=False)
    return tuple(self._in_replicas(look, batches, tf.constant(draw), tf.constant(sign))
                 for draw, sign in ((1, 1.0), (2, -1.0)))

  def side(self, player: str) -> Side:
    """Returns what is kept for a player."""
    return self._sides[player]

  def ones(self, player: str) -> tuple[tf.Tensor, tf.Tensor]:
    """Does what `GAN.ones` does."""
    return self._gan.ones(player)

  # In the graph. Events name whose masks change in a step, and BALANCE if balance ratios are measured.

  def _run_steps(self, iterator, num_steps, switches, known):
    """Trains as `run` does, with the `known` events, or where that is None, with those that are switched on."""
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
    """Runs it on all replicas; what it returns is equal on all of them."""
    return self._strategy.experimental_local_results(self._strategy.run(function, args=args))[0]

  def _replica_step(self, batches, happens):
    step = self._step + 1
    moves, made = {}, {}
    for turn in self._gan.turns:
      moves[turn.name] = self._move_repeatedly(turn, batches, step, made)
      made = {**made, **moves[turn.name].made}
      _choose(happens.get(BALANCE), functools.partial(self._measure_balance, turn, moves), lambda: None)
    for name, side in self._sides.items():
      move = moves[self.turn_of(name).name]
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
      return self.move(turn, _part(batches, turn.name, i), rng.seed(self._seed(), turn.name, step, i), made)

    def body(i):
      move(i)
      return i + 1
    last = turn.updates_per_step - 1
    if last > 1 and self._strategy.num_replicas_in_sync == 1:
      tf.while_loop(lambda i: i < last, body, [0], parallel_iterations=1)
    else:
      for i in range(last):
        move(i)
    return move(last)

  def _fingerprints(self, names):
    """Hashes the masks of these players on every replica, for `agreement.check_masks`: [replicas, 2 * names]; of one
    replica, which agrees with itself, nothing."""
    if not names or self._strategy.num_replicas_in_sync == 1:
      return tf.zeros([self._strategy.num_replicas_in_sync, 0])
    masks_ = [[tf.convert_to_tensor(v.mask) for v in self._sides[name].masked] for name in names]
    return agreement.of_replicas(tf.concat([agreement.fingerprint(m) for m in masks_], axis=0))

  def move(self, turn, batch, seed, made):
    """Takes one optimizer step of each player of a turn."""
    gradients, move = self._gradients(turn, batch, seed, made)
    for name in turn.players:
      side = self._sides[name]
      variables = side.player.network.trainable_variables
      side.optimizer.apply_gradients(zip(gradients[name], variables, strict=True), skip_gradients_aggregation=True)
      if side.player.after_update:
        side.player.after_update(side.player.network, tf.convert_to_tensor(side.optimizer.learning_rate))
      masks.apply_masks(side.masked)
    self._means.add({f'{turn.name}/{key}': value for key, value in move.scalars.items()})
    return move

  def _gradients(self, turn, batch, seed, made, along=None):
    """Returns (all gradients by player, `_Move`) of one batch, equal on every replica; nothing has moved yet.

    `along` takes tensors like the gradients; then the Hessian of the loss times these is in the place of the gradients.
    """
    variables = {name: self._sides[name].player.network.trainable_variables for name in turn.players}
    loss_scale = self._loss_scales.get(turn.name)

    def of_part(part, seed):
      batch, made = part
      with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(variables)
        outcome = turn.objective(batch, seed, made)
        loss = faults.poisoned(outcome.loss, f'{turn.name}_loss', self._step + 1)
        target = loss_scale.scaled(loss) if loss_scale else loss
      gradients = tape.gradient(target, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
      return (gradients, {'loss': loss, **outcome.scalars}), outcome.made

    def product_of_part(part, seed):
      with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(variables)
        (gradients, scalars), made = of_part(part, seed)
        pairs = zip(tf.nest.flatten(along), tf.nest.flatten(gradients), strict=True)
        target = tf.add_n([tf.reduce_sum(a * g) for a, g in pairs])
      products = tape.gradient(target, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
      return (products, scalars), made

    (gradients, scalars), made = accumulation.in_parts(
        product_of_part if along else of_part, (batch, made), seed, turn.accumulation_steps)
    gradients, scalars = self._mean_over_replicas((gradients, scalars))
    finite = None
    if loss_scale:
      flat, finite = loss_scale.unscaled(tf.nest.flatten(gradients))
      gradients = tf.nest.pack_sequence_as(gradients, flat)
    return gradients, _Move(batch, seed, self._of_masked(gradients), scalars, made, finite)

  def _mean_over_replicas(self, values: Any) -> Any:
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, values)

  def _of_masked(self, gradients):
    """Picks, of each player, those gradients that belong to masked kernels, in the order of the masks."""
    result = {}
    for name, given in gradients.items():
      side = self._sides[name]
      by_variable = {id(v): g for v, g in zip(side.player.network.trainable_variables, given, strict=True)}
      result[name] = [by_variable[id(v.weight)] for v in side.masked]
    return result

  def _measure_balance(self, turn, moves):
    """Measures the ratios around this turn, right after it: nobody else has moved since."""
    for name, ratio in self._balance.items():
      probe = self._gan.balance[name]
      if probe.turn != turn.name:
        continue
      move = moves[turn.name]
      with self._undisturbed():
        (after, real), _ = accumulation.in_parts(
            lambda batch, seed, probe=probe, ratio=ratio: (
                [tf.reduce_mean(ratio.counted(scores)) for scores in probe.measure(batch, seed)], ()),
            moves[probe.opponent].batch, move.seed, turn.accumulation_steps)
      after, real = self._mean_over_replicas([after, real])
      ratio.add(move.scalars[probe.scalar], after, real)

  def turn_of(self, player: str) -> Turn:
    """Finds the last turn in which a player moves: its gradients are those that its sparsity method ranks."""
    return next(turn for turn in reversed(self._gan.turns) if player in turn.players)

  @contextlib.contextmanager
  def _undisturbed(self):
    """Puts back what a forward pass in training mode moves."""
    before = [tf.convert_to_tensor(v) for v in self._disturbed]
    yield
    for variable, value in zip(self._disturbed, before, strict=True):
      compat.assign(variable, value)

  def _ratios_for(self, player):
    """Lists the balance ratios that the method of a player is told: one, or none."""
    return [ratio for name, ratio in self._balance.items() if player in self._gan.balance[name].players]

  def _update_masks(self, side, gradients, finite, step):
    """Returns which weights were grown. Gradients that are not `finite` rank nothing: all stays as it is."""
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
    """Updates masks between two steps, with what batches that move nothing show: first all of that, then all masks."""
    looks = {}
    probes = {name: _Probe(self, name, batches, looks) for name in names}
    ranked = {name: self._sides[name].method.ranking(probe) for name, probe in probes.items()}
    known = [probe.finite for probe in probes.values() if probe.finite is not None]
    finite = tf.reduce_all(known) if known else None  # where one overflows, the others wait for it
    for name in names:
      self._update_masks(self._sides[name], ranked[name], finite, self._step)
    return self._fingerprints(names)

  def at_rest(self, player: str, batches: Any, draw: int = 0, along: Any = None) -> tuple[Any, _Move]:
    """Returns what the turn of a player computes, while nothing moves.

    Args:
      player: its name.
      batches: of this replica.
      draw: another one draws other latents.
      along: as in `_gradients`.
    """
    made, last = {}, self.turn_of(player)
    for turn in self._gan.turns:
      batch, seed = _part(batches, turn.name, 0), rng.seed(self._seed(), turn.name, self._step, draw)
      with self._undisturbed():
        if turn is last:
          return self._gradients(turn, batch, seed, made, along)
        _, new = accumulation.in_parts(
            lambda part, seed, turn=turn: ((), turn.objective(part[0], seed, part[1]).made),
            (batch, made), seed, turn.accumulation_steps)
      made = {**made, **new}
    raise ValueError(f'{player} never moves.')


def _choose(condition, then, otherwise):
  """Returns what one of two functions returns, tensors alike: told in the graph, or before, where the condition is known."""
  if isinstance(condition, tf.Tensor):
    return tf.cond(condition, then, otherwise)
  return then() if condition else otherwise()


def changed(events: Iterable[str]) -> tuple[str, ...]:
  """Names the players whose masks change at these events."""
  return tuple(name for name in events if name != BALANCE)


def _no_weights(variables):
  return [tf.zeros(v.mask.shape, tf.bool) for v in variables]


def _part(batches, name, i):
  """Returns what a turn sees in its i-th update of a step; nothing, if it uses no data."""
  return tf.nest.map_structure(lambda value: value[i], batches.get(name, {}))
