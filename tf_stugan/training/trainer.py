"""One training run: all of its state, and the step that moves it."""

from collections.abc import Mapping, Sequence
import contextlib
import dataclasses
import functools
import math
from typing import NamedTuple

import tensorflow as tf

from tf_stugan import compat
from tf_stugan import errors
from tf_stugan import faults
from tf_stugan import rng
from tf_stugan.compat import keras
from tf_stugan.data import images
from tf_stugan.gans.gan import GAN
from tf_stugan.gans.gan import Player
from tf_stugan.metrics.balance_ratio import BalanceRatio
from tf_stugan.metrics.exploration_rate import ExplorationRate
from tf_stugan.rng import Seed
from tf_stugan.sparsity import masks
from tf_stugan.sparsity.masks import MaskedVariable
from tf_stugan.sparsity.method import SparsityMethod
from tf_stugan.sparsity.sparse_ema import SparseEMA
from tf_stugan.training import accumulation
from tf_stugan.training import agreement
from tf_stugan.training import strategies
from tf_stugan.training.hooks import Hook
from tf_stugan.training.layer_choice import conv_only
from tf_stugan.training.layer_choice import LayerChoice
from tf_stugan.training.loss_scale import LossScale
from tf_stugan.training.means import Means

_BALANCE = 'balance'


@dataclasses.dataclass(frozen=True)
class _Side:
  """What the trainer keeps for one player."""

  player: Player
  optimizer: keras.optimizers.Optimizer
  method: SparsityMethod | None
  masked: Sequence[MaskedVariable]
  average: SparseEMA | None
  loss_scale: LossScale | None


class _Move(NamedTuple):
  """What one update of a player leaves behind: its batch and seed, gradients of masked kernels, and scalars.

  `finite` is None where gradients cannot overflow; where they did, they are zero.
  """

  batch: Mapping[str, tf.Tensor]
  seed: Seed
  gradients: Sequence[tf.Tensor]
  scalars: Mapping[str, tf.Tensor]
  finite: tf.Tensor | None


@dataclasses.dataclass
class HostState:
  """What belongs in a checkpoint beside variables, in JSON types.

  Attributes:
    train_seconds: wall-clock time spent in `fit` so far, without evaluations, over all processes.
    evaluation_seconds: in evaluations. Checkpoints from before it was told apart have it in `train_seconds`.
    best: the best evaluation so far, {score name: [value, step]}.
    rollbacks: how often the run went back to a checkpoint because a loss was not finite.
    pending_evaluation: the run was stopped while this step was scored.
  """

  train_seconds: float = 0.0
  evaluation_seconds: float = 0.0
  rollbacks: int = 0
  pending_evaluation: bool = False
  best: dict[str, list] = dataclasses.field(default_factory=dict)


class Trainer(tf.Module):
  """Trains the players of a GAN, each with an optimizer, and those that have one with a sparsity method.

  Make it, and `build` it, in the scope of a `tf.distribute` strategy. A step is one pass over the players in their
  order; for the GANs of the papers that is one generator update.

  Args:
    gan: who plays.
    optimizers: by player name.
    methods: sparsity methods by player name; a player without one stays dense.
    average: of the player that has an `averaged` network.
    layers: which layers carry masks.
    balance: how the balance ratio is measured; None does without.
    label: what the methods are called in reports.
    seed: of the run: initial weights, masks, data order, latents.
    flip: mirror real images left-right with probability 1/2.
    steps_per_call: the most steps that run in the graph without coming back to the host.
    jit_compile: compile the step with XLA; on one device. docs/performance.md says where that pays.
  """

  def __init__(self, gan: GAN, optimizers: Mapping[str, keras.optimizers.Optimizer],
               methods: Mapping[str, SparsityMethod], average: SparseEMA, layers: LayerChoice = conv_only,
               balance: BalanceRatio | None = None, label: str = '', seed: int = 1, flip: bool = False,
               steps_per_call: int = 10, jit_compile: bool = False, name: str | None = None):
    super().__init__(name=name)
    errors.check_counts(self, 0, errors.LARGEST_SEED, seed=seed)
    errors.check_counts(self, steps_per_call=steps_per_call)
    self.strategy = tf.distribute.get_strategy()
    self.gan = gan
    self.optimizers = dict(optimizers)
    self.methods = dict(methods)
    self.average = average
    self.layers = layers
    self.balance = balance if gan.balance else None
    self.label = label
    self.seed = seed
    self.flip = flip
    self.steps_per_call = steps_per_call
    self.jit_compile = jit_compile
    self.host_state = HostState()
    self._check_players()

  def _check_players(self):
    names = {player.name for player in self.gan.players}
    for what, given in (('optimizers', self.optimizers), ('methods', self.methods)):
      if unknown := set(given) - names:
        raise errors.UserError(f'Trainer.{what} names {sorted(unknown)}; the players are {sorted(names)}.')
    if missing := names - set(self.optimizers):
      raise errors.UserError(f'Trainer.optimizers has none for {sorted(missing)}.')
    for name, method in self.methods.items():
      if method.needs_balance_ratio and self.balance is None:
        raise errors.UserError(f'{type(method).__name__} of the {name} needs a balance ratio; set Trainer.balance.')
    replicas = self.strategy.num_replicas_in_sync
    if self.jit_compile and replicas > 1:
      raise errors.UserError('Trainer.jit_compile is for one device; a TPU compiles the step in any case.')
    for player in self.gan.players:
      if player.batch_size % replicas:
        raise errors.UserError(
            f'The batch of {player.batch_size} images of the {player.name} cannot be shared by {replicas} replicas.')
      if player.batch_size // replicas % player.accumulation_steps:
        raise errors.UserError(
            f'The {player.batch_size // replicas} images that a replica has of a batch of the {player.name} cannot be cut '
            f'into {player.accumulation_steps} accumulation steps.')

  def build(self, image_shape: tuple[int, int, int] | None = None) -> None:
    """Creates every variable, and the first masks, for images [H, W, C], or for those that the GAN makes.

    Initial weights depend on the seed alone, not on the method.
    """
    keras.utils.set_random_seed(self.seed)
    self.image_shape = tuple(self.gan.build(image_shape))
    self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name='step')
    self.sides = {player.name: self._build_side(player) for player in self.gan.players}
    self.loss_scales = {name: side.loss_scale for name, side in self.sides.items() if side.loss_scale}
    self.exploration = {name: ExplorationRate() for name, side in self.sides.items() if side.masked}
    for name, rate in self.exploration.items():
      rate.initialize(self.sides[name].masked)
    self.means = Means([
        f'{player.name}/{scalar}' for player in self.gan.players for scalar in ('loss', *player.scalars)])
    self._trace_anew()

  @property
  def variables(self) -> tuple[tf.Variable, ...]:
    """All of the run, as a checkpoint has them; optimizers of Keras are no tf.Modules, which would find them."""
    return (*super().variables, *(v for name in sorted(self.optimizers) for v in self.optimizers[name].variables))

  def go_on_otherwise(self, rollbacks: int) -> None:
    """After a rollback, the so many-th: from here on other latents, other data order, other random regrowth."""
    self.host_state.rollbacks = rollbacks
    self._trace_anew()  # seeds are constants of the graph

  def _trace_anew(self):
    """One function for each combination of events: TensorFlow warns where one has several graphs."""
    self._run = functools.cache(
        lambda events: tf.function(functools.partial(self._run_steps, events=events), autograph=False))

  @property
  def _draws(self):
    """The seed of all that is drawn while training."""
    return (self.seed + 0x9E3779B1 * self.host_state.rollbacks) % 2**32

  def _build_side(self, player):
    optimizer = self.optimizers[player.name]
    optimizer.build(player.network.trainable_variables)
    method = self.methods.get(player.name)
    masked = self.layers(player.network) if method else []
    if method:
      method.initialize(masked, rng.seed(self.seed, f'{player.name}/initial_masks'))
      masks.apply_masks(masked)
    average = None
    if player.averaged is not None:
      average = self.average
      average.initialize(player.network, player.averaged, masked)
    return _Side(player, optimizer, method, masked, average, LossScale() if self.gan.precision == 'float16' else None)

  # The step, in the graph. `events` names whose masks change in it, and 'balance' if the balance ratio is measured.

  def _run_steps(self, iterator, num_steps, events):
    """Returns what `_fingerprints` collected in the last step."""
    def step(batches):
      return self._replica_step(batches, events)

    if self.jit_compile:
      step = tf.function(step, jit_compile=True, autograph=False)

    def body(i, _):
      batches = next(iterator)
      # Where no data come nothing of the step has happened: neither what does not depend on them, as of singular vectors.
      with tf.control_dependencies(tf.nest.flatten(batches, expand_composites=True)):
        return i + 1, self._in_replicas(step, batches)
    nothing = tf.zeros([self.strategy.num_replicas_in_sync, 2 * len(_changed(events))])
    return tf.while_loop(lambda i, _: i < num_steps, body, [0, nothing], parallel_iterations=1)[1]

  def _in_replicas(self, function, *args):
    """Runs it on all replicas; what it returns is equal on all of them."""
    return self.strategy.experimental_local_results(self.strategy.run(function, args=args))[0]

  def _replica_step(self, batches, events):
    step = self.step + 1
    moves = {}
    for name, side in self.sides.items():
      for i in range(side.player.updates_per_step):
        moves[name] = self._move(side, _part(batches, name, i), rng.seed(self._draws, name, step, i))
    if _BALANCE in events:
      self._measure_balance(moves)
    for name, side in self.sides.items():
      grown = self._update_masks(side, moves[name].gradients, moves[name].finite, step) if name in events else None
      if side.average:
        side.average.update(step)
        if grown is not None:
          side.average.mark_regrown(grown)
    compat.assign(self.step, step)
    return self._fingerprints(_changed(events))

  def _fingerprints(self, names):
    """Of the masks of these players on every replica, for `agreement.check_masks`: [replicas, 2 * names]."""
    if not names or self.strategy.num_replicas_in_sync == 1:
      return tf.zeros([self.strategy.num_replicas_in_sync, 2 * len(names)])
    masks_ = [[tf.convert_to_tensor(v.mask) for v in self.sides[name].masked] for name in names]
    return agreement.of_replicas(tf.concat([agreement.fingerprint(m) for m in masks_], axis=0))

  def _move(self, side, batch, seed):
    """One optimizer step of one player."""
    variables, gradients, scalars, finite = self._gradients(side, batch, seed)
    side.optimizer.apply_gradients(zip(gradients, variables, strict=True), skip_gradients_aggregation=True)
    if side.player.clip is not None:
      for variable in variables:
        compat.assign(variable, tf.clip_by_value(variable, -side.player.clip, side.player.clip))
    masks.apply_masks(side.masked)
    self.means.add({f'{side.player.name}/{key}': value for key, value in scalars.items()})
    return _Move(batch, seed, _of_masked(side, variables, gradients), scalars, finite)

  def _gradients(self, side, batch, seed):
    """(variables, their gradients, scalars, `_Move.finite`) of one batch, equal on every replica."""
    variables = side.player.network.trainable_variables

    def of_part(batch, seed):
      with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(variables)
        loss, scalars = side.player.objective(batch, seed)
        loss = faults.poisoned(loss, f'{side.player.name}_loss', self.step + 1)
        target = side.loss_scale.scaled(loss) if side.loss_scale else loss
      gradients = tape.gradient(target, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
      return gradients, {'loss': loss, **scalars}

    context = tf.distribute.get_replica_context()
    gradients, scalars = accumulation.mean_of_parts(of_part, batch, seed, side.player.accumulation_steps)
    gradients = context.all_reduce(tf.distribute.ReduceOp.MEAN, gradients)
    scalars = context.all_reduce(tf.distribute.ReduceOp.MEAN, scalars)
    if side.loss_scale is None:
      return variables, gradients, scalars, None
    gradients, finite = side.loss_scale.unscaled(gradients)
    return variables, gradients, scalars, finite

  def _measure_balance(self, moves):
    probe = self.gan.balance
    move = moves[probe.player]
    parts = self.sides[probe.player].player.accumulation_steps
    with self._undisturbed():
      after, real = accumulation.mean_of_parts(probe.measure, moves[probe.opponent].batch, move.seed, parts)
    after, real = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, [after, real])
    self.balance.add(move.scalars[probe.scalar], after, real)

  @contextlib.contextmanager
  def _undisturbed(self):
    """Puts back what a forward pass in training mode moves: BatchNorm statistics and singular vectors."""
    buffers = [v for player in self.gan.players for v in player.network.variables
               if not v.trainable and v.dtype.is_floating]
    before = [tf.convert_to_tensor(v) for v in buffers]
    yield
    for variable, value in zip(buffers, before, strict=True):
      compat.assign(variable, value)

  def _update_masks(self, side, gradients, finite, step):
    """Which weights were grown. Gradients that are not `finite` rank nothing: all stays as it is."""
    ratio = self.balance.decision_value() if self.balance else tf.constant(math.nan, tf.float64)
    seed = rng.seed(self._draws, f'{side.player.name}/regrow', step)
    exploration = self.exploration[side.player.name]
    touched = [] if finite is None else [
        *(v.mask for v in side.masked), *(v.weight for v in side.masked), *side.method.variables, *exploration.variables]
    before = [tf.convert_to_tensor(v) for v in touched]
    grown = side.method.update(side.masked, gradients, step, seed, ratio)
    masks.apply_masks(side.masked)
    exploration.update()
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
    """Mask updates between two steps: with gradients of a batch that moves nothing."""
    for name in names:
      side = self.sides[name]
      with self._undisturbed():
        variables, gradients, _, finite = self._gradients(
            side, _part(batches, name, 0), rng.seed(self._draws, name, self.step, 0))
      self._update_masks(side, _of_masked(side, variables, gradients), finite, self.step)
    return self._fingerprints(names)

  # The loop, on the host.

  def fit(self, data: images.Images, num_steps: int, hooks: Sequence[Hook] = ()) -> None:
    """Trains up to step `num_steps`, from wherever the trainer is.

    Args:
      data: images of the shape it was built for.
      num_steps: the step to reach.
      hooks: called in this order at the multiples of their interval, and at the last step.

    Raises:
      DataError: the data are fewer than a batch.
      DataLostError: they cannot be read any more; all is as it was after the last whole step.
      DivergedError: a loss is not finite.
      DisagreementError: replicas have come to different masks.
    """
    step = int(self.step.numpy())
    if step == 0:
      self.update_masks(data)
    iterator = self._batches(data, step)
    mine = hooks if strategies.is_chief(self.strategy) else [hook for hook in hooks if hook.everywhere]
    try:
      for hook in mine:
        hook.begin(self, step, num_steps)
      while step < num_steps:
        events = self._events_at(step + 1)
        count = 1 if events else self._quiet_steps(step, num_steps, hooks)
        with data.in_use():
          fingerprints = self._run(events)(iterator, tf.constant(count))
        step += count
        self._check_finite(step)
        agreement.check_masks(_changed(events), fingerprints.numpy(), step)
        faults.reached('step', step)
        for hook in mine:
          hook.after_call(self, step)
          if step % hook.interval == 0 or step == num_steps:
            hook(self, step)
    finally:
      for hook in mine:
        hook.end()

  def update_masks(self, data: images.Images) -> None:
    """Does the mask updates that are due at the present step, before the next one: pruning before training, or of a
    network that was trained elsewhere. What is explored is counted from here."""
    step = int(self.step.numpy())
    names = _changed(self._events_at(step))
    with data.in_use():
      batch = next(self._batches(data, step)) if names else None
    for name in names:
      update = tf.function(functools.partial(self._in_replicas, self._replica_update, batch, [name]), autograph=False)
      while True:
        scale = self._scale(name)
        fingerprints = update()
        if self._scale(name) >= scale:  # otherwise the gradient overflowed, and nothing else happened
          break
      agreement.check_masks([name], fingerprints.numpy(), step)
      self.exploration[name].restart()

  def _scale(self, name):
    return float(self.loss_scales[name].scale) if name in self.loss_scales else 1.0

  def _batches(self, data, first_step):
    counts = {p.name: (p.updates_per_step, p.batch_size) for p in self.gan.players if p.uses_data}
    largest = max((size for _, size in counts.values()), default=0)
    if largest > len(data):
      raise errors.DataError(f'{data.name} has {len(data)} images, fewer than one batch of {largest}.')
    def of_worker(context):
      share = context.num_replicas_in_sync // context.num_input_pipelines
      replicas = range(context.input_pipeline_id * share, (context.input_pipeline_id + 1) * share)
      return images.batches(data, counts, self._draws, first_step, context.num_replicas_in_sync, self.flip, replicas)
    return iter(self.strategy.distribute_datasets_from_function(of_worker))

  def _events_at(self, step) -> tuple[str, ...]:
    updates = tuple(name for name, side in self.sides.items() if side.method and side.method.is_update_step(step))
    return (_BALANCE, *updates) if self.balance and self.balance.is_measurement_step(step) else updates

  def _quiet_steps(self, step, num_steps, hooks) -> int:
    """How many steps from here need nothing of the host; at least one."""
    last = min(step + self.steps_per_call, num_steps, *((step // h.interval + 1) * h.interval for h in hooks))
    for later in range(step + 2, last + 1):
      if self._events_at(later):
        return later - 1 - step
    return last - step

  def _check_finite(self, step):
    for name, value in self.means.result().items():
      if not math.isfinite(value):
        raise errors.DivergedError(
            f'{name} became {value} within the {self.steps_per_call} steps up to step {step} (seed {self.seed}). The '
            'last checkpoint is from before that; lower the learning rate, change the seed, or set Train.max_rollbacks.')

  def check_state(self) -> None:
    """Raises DivergedError where a variable is not finite: it must not get into a checkpoint."""
    for variable in self.variables:
      if variable.dtype.is_floating and not tf.reduce_all(tf.math.is_finite(variable)):
        raise errors.DivergedError(
            f'{variable.name} is not finite at step {int(self.step.numpy())} (seed {self.seed}); this step is not saved. '
            'The last checkpoint is from before that; lower the learning rate, change the seed, or set Train.max_rollbacks.')

  # What is reported.

  def scalars(self) -> dict[str, float]:
    """Means since the last call to `means.reset`, densities, exploration rates and the balance ratio, by name.

    The ratio is left out while it is not known or not finite, the number of rollbacks while there were none.
    """
    result = dict(self.means.result())
    if self.host_state.rollbacks:
      result['rollbacks'] = self.host_state.rollbacks
    for name, side in self.sides.items():
      if side.masked:
        result[f'{name}/density'] = float(masks.density(side.masked))
        result[f'{name}/exploration_rate'] = self.exploration[name].total()
    ratio = self.balance.value() if self.balance else math.nan
    return {**result, **({'balance_ratio': ratio} if math.isfinite(ratio) else {})}


def _changed(events):
  """Whose masks change."""
  return tuple(name for name in events if name != _BALANCE)


def _part(batches, name, i):
  """What a player sees in its i-th update of a step; nothing, if it uses no data."""
  return {key: value[i] for key, value in batches.get(name, {}).items()}


def _of_masked(side, variables, gradients):
  by_variable = {id(variable): gradient for variable, gradient in zip(variables, gradients, strict=True)}
  return [by_variable[id(v.weight)] for v in side.masked]
