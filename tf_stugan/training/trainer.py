"""Defines a training run: all of its state, and the loop on the host."""

from collections.abc import Callable, Iterator, Mapping, Sequence
import inspect
import math
import time

import numpy as np
import tensorflow as tf

from tf_stugan import errors
from tf_stugan import faults
from tf_stugan.compat import keras
from tf_stugan.data import images
from tf_stugan.gans.gan import check_roles
from tf_stugan.gans.gan import GAN
from tf_stugan.gans.gan import Shape
from tf_stugan.metrics.balance_ratio import BalanceRatio
from tf_stugan.sparsity import masks
from tf_stugan.sparsity import rankings
from tf_stugan.sparsity.method import SparsityMethod
from tf_stugan.sparsity.sparse_ema import SparseEMA
from tf_stugan.training import agreement
from tf_stugan.training import strategies
from tf_stugan.training.hooks import Hook
from tf_stugan.training.layer_choice import conv_only
from tf_stugan.training.layer_choice import LayerChoice
from tf_stugan.training.loss_scale import LossScale
from tf_stugan.training.means import Means
from tf_stugan.training.state import HostState
from tf_stugan.training.state import named
from tf_stugan.training.state import Side
from tf_stugan.training.step import BALANCE
from tf_stugan.training.step import changed
from tf_stugan.training.step import StepGraph
from tf_stugan.training.thin_layers import ThinLayers


class Trainer(tf.Module):
  """Trains the players of a GAN, each with an optimizer, and with a sparsity method where its role has one.

  Make it, and `build` it, in the scope of a `tf.distribute` strategy. A step is one pass over the turns of the game; for the
  GANs of the papers that is one generator update.

  Args:
    gan: the game.
    optimizers: for each role, a function that makes the optimizer of a player.
    methods: for each role, a function that makes its sparsity method; a player without one stays dense.
    average: a function that makes the average of a player with an `averaged` network.
    layers: chooses the layers that carry masks.
    balance: a function that makes the measurement of a balance ratio; None measures none.
    label: the name of the methods in reports.
    seed: the seed of the run: of initial weights, masks, data order and latents.
    initial_seed: the seed of the initial weights, if it is to be another one than `seed`.
    flip: mirror real images left-right with probability 1/2.
    resize: height and width that real images are resized to first, in pixels; None leaves them as they are.
    crop: height and width of a random crop of each real image, in pixels; None shows whole images.
    steps_per_call: the largest number of steps that run in the graph before control returns to the host.
    jit_compile: compile the step with XLA, on one device only; docs/performance.md says where that pays.
  """

  def __init__(self, gan: GAN, optimizers: Mapping[str, Callable[[], keras.optimizers.Optimizer]],
               methods: Mapping[str, Callable[[], SparsityMethod]], average: Callable[[], SparseEMA],
               layers: LayerChoice = conv_only, balance: Callable[[], BalanceRatio] | None = None, label: str = '',
               seed: int = 1, flip: bool = False, resize: int | None = None, crop: int | None = None,
               steps_per_call: int = 10, jit_compile: bool = False, initial_seed: int | None = None,
               name: str | None = None):
    super().__init__(name=name)
    self.initial_seed = seed if initial_seed is None else initial_seed
    errors.check_counts(self, 0, errors.LARGEST_SEED, seed=seed, initial_seed=self.initial_seed)
    errors.check_counts(self, steps_per_call=steps_per_call)
    self.strategy = tf.distribute.get_strategy()
    self.gan = gan
    self.layers = layers
    self.label = label
    self.seed = seed
    self.flip = flip
    self.resize = resize
    self.crop = crop
    self.steps_per_call = steps_per_call
    self.jit_compile = jit_compile
    self.host_state = HostState()
    self._thin_layers = ThinLayers()
    roles = [player.role for player in gan.players]
    check_roles('Trainer.optimizers', optimizers, roles)
    check_roles('Trainer.methods', methods, roles)
    if missing := sorted(set(roles) - set(optimizers)):
      raise errors.UserError(f'Trainer.optimizers has none for {", ".join(missing)}.')
    self.optimizers = {p.name: optimizers[p.role]() for p in gan.players}
    self.methods = {p.name: methods[p.role]() for p in gan.players if p.role in methods}
    self.averages = {p.name: average() for p in gan.players if p.averaged is not None}
    self.balance = {name: balance() for name in gan.balance} if balance else {}
    self._check_methods()
    self._check_batches()

  def _check_methods(self):
    for name, method in self.methods.items():
      measured = bool(self.balance) and any(name in probe.players for probe in self.gan.balance.values())
      if method.needs_balance_ratio and not measured:
        raise errors.UserError(f'{type(method).__name__} of the {name} needs a balance ratio; set Trainer.balance.')
      if self.gan.precision != 'float32' and inspect.unwrap(method.ranking) is rankings.synaptic_flow:
        raise errors.UserError(f"Synaptic flow, which the {name} is pruned by, needs PRECISION = 'float32'.")

  def _check_batches(self):
    replicas = self.strategy.num_replicas_in_sync
    if self.jit_compile and tf.distribute.has_strategy():
      raise errors.UserError('Trainer.jit_compile is for one device, without a strategy; a TPU compiles in any case.')
    for turn in self.gan.turns:
      if turn.batch_size % replicas:
        raise errors.UserError(
            f'The batch of {turn.batch_size} images of the {turn.name} cannot be shared by {replicas} replicas.')
      if turn.batch_size // replicas % turn.accumulation_steps:
        raise errors.UserError(
            f'The {turn.batch_size // replicas} images that a replica has of a batch of the {turn.name} cannot be cut '
            f'into {turn.accumulation_steps} accumulation steps.')

  def shapes_shown(self, image_shapes: Mapping[str, Shape]) -> dict[str, Shape]:
    """Returns the shapes of real images as players see them, resized and cropped, by domain."""
    side = self.crop or self.resize
    return {domain: (side or shape[0], side or shape[1], shape[2]) for domain, shape in image_shapes.items()}

  def build(self, image_shapes: Mapping[str, Shape] | None = None) -> None:
    """Creates every variable and the first masks, for images [H, W, C] by domain, or of the GAN's own choice of size.

    Initial weights depend on their seed alone, not on the sparsity method.
    """
    keras.utils.set_random_seed(self.initial_seed)
    self.image_shapes = {name: tuple(shape) for name, shape in self.gan.build(image_shapes).items()}
    self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name='step')
    self.sides = {
        player.name: Side(player, self.optimizers[player.name], self.methods.get(player.name),
                          self.averages.get(player.name), self.layers, self.seed) for player in self.gan.players}
    half = self.gan.precision == 'float16'
    self.loss_scales = {turn.name: LossScale() for turn in self.gan.turns} if half else {}
    self.means = Means([f'{turn.name}/{scalar}' for turn in self.gan.turns for scalar in ('loss', *turn.scalars)])
    self._make_step()

  def _make_step(self):
    self.graph = StepGraph(
        self.gan, self.sides, self.loss_scales, self.means, self.balance, self.step, lambda: self._draw_seed,
        self.strategy, self.jit_compile)

  def parts(self) -> dict[str, dict[str, tf.Variable]]:
    """Returns every variable of the run, by part of the run and by name.

    Returns:
      {part: {name: variable}}. The parts are 'weights' (of the networks, with the buffers of layers), 'masks', 'averages',
      'regrown' (weights whose averages restart), 'optimizers' (with loss scales), 'methods' (their own state),
      'exploration', 'game' (what the game itself remembers), 'step', and 'progress' (running means and balance ratios).
    """
    result: dict[str, dict[str, tf.Variable]] = {}
    for player, side in self.sides.items():
      for part, variables in side.parts().items():
        result.setdefault(part, {}).update({f'{player}/{name}': v for name, v in variables.items()})
    for turn, scale in self.loss_scales.items():
      result['optimizers'] |= {f'{turn}/loss_{name}': v for name, v in named(scale.variables, scale.name).items()}
    known = {id(v) for variables in result.values() for v in variables.values()}
    result['game'] = named((v for v in self.gan.variables if id(v) not in known), self.gan.name)
    progress = {f'means/{n}': v for n, v in named(self.means.variables, self.means.name).items()}
    for name, ratio in self.balance.items():
      progress |= {f'{name}/{n}': v for n, v in named(ratio.variables, ratio.name).items()}
    return {**result, 'step': {'step': self.step}, 'progress': progress}

  @property
  def variables(self) -> tuple[tf.Variable, ...]:
    """Every variable of the run, in the order of `parts`."""
    return tuple(v for part in self.parts().values() for v in part.values())

  def reseed_after_rollback(self, rollbacks: int) -> None:
    """Draws other latents, another data order and other random regrowth than before the last rollback.

    Args:
      rollbacks: the number of rollbacks so far.
    """
    self.host_state.rollbacks = rollbacks
    self._make_step()  # seeds are constants of the graph

  @property
  def _draw_seed(self):
    """The seed of all random draws of the training."""
    return (self.seed + 0x9E3779B1 * self.host_state.rollbacks) % 2**32

  # The loop, on the host.

  def fit(self, data: Mapping[str, images.Images], num_steps: int, hooks: Sequence[Hook] = ()) -> None:
    """Trains from the present step up to step `num_steps`.

    Args:
      data: by domain, images of the shapes that the trainer was built for.
      num_steps: the last step.
      hooks: called in the order of their phases at the multiples of their interval, and at the last step.

    Raises:
      DataError: the data are fewer than a batch.
      DataLostError: the data cannot be read any more; the state is that after the last whole step.
      DivergedError: a loss is not finite.
      DisagreementError: the masks of two replicas differ.
    """
    step = int(self.step.numpy())
    if step == 0:
      self.update_masks(data)
    self.warn_of_thin_layers([name for name, side in self.sides.items() if side.masked], data)  # by the first masks, too
    iterator = self.batches(data, step)
    hooks = sorted(hooks, key=lambda hook: hook.phase)
    mine = hooks if strategies.is_chief(self.strategy) else [hook for hook in hooks if hook.everywhere]
    try:
      for hook in mine:
        hook.begin(self, step, num_steps)
      while step < num_steps:
        events = self._events_at(step + 1)
        step += self._call(iterator, data, step, 1 if events else self._steps_without_host(step, num_steps, hooks), events)
        self.warn_of_thin_layers(changed(events), data)
        faults.reached('step', step)
        for hook in mine:
          hook.after_call(self, step)
          if step % hook.interval == 0 or step == num_steps:
            hook(self, step)
    finally:
      for hook in mine:
        hook.end()

  def _call(self, iterator, data, step, count, events):
    """Trains `count` steps without coming back to the host; returns how many."""
    start = time.monotonic()
    with images.in_use(data.values()):
      fingerprints = self.graph.run(iterator, count, events)
    self.host_state.train_seconds += time.monotonic() - start
    self._check_finite(step + count)
    agreement.check_masks(changed(events), fingerprints, step + count)
    return count

  def check_data(self, data: Mapping[str, images.Images]) -> None:
    """Raises DataError where the data do not fill a batch."""
    for turn in self.gan.turns:
      for domain in turn.domains:
        if turn.batch_size > len(data[domain]):
          raise errors.DataError(
              f'{data[domain].name} has {len(data[domain])} images, fewer than one batch of {turn.batch_size}.')

  def update_masks(self, data: Mapping[str, images.Images]) -> None:
    """Makes the mask updates that are due at the present step, before the next one: pruning before training, or of a
    network that was trained elsewhere. Exploration is counted from here."""
    step = int(self.step.numpy())
    names = changed(self._events_at(step))
    if not names:
      return
    batch = self._draw_batch(data, step)
    update = self.graph.updates_between_steps(batch, names)
    rounds = max(self.methods[name].rounds for name in names)
    while rounds:
      before = self._scales()
      fingerprints = update()
      if all(now >= scale for now, scale in zip(self._scales(), before, strict=True)):
        rounds -= 1  # otherwise a gradient overflowed, and nothing else happened
    agreement.check_masks(names, fingerprints.numpy(), step)
    for name in names:
      self.sides[name].exploration.restart()
    self.warn_of_thin_layers(names, data)

  def _scales(self):
    return [float(scale.scale) for scale in self.loss_scales.values()]

  def warn_of_thin_layers(self, names: Sequence[str], data: Mapping[str, images.Images]) -> None:
    """Warns of layers with hardly any weights, and of players whose loss is constant because of them."""
    for name in names:
      if not self._thin_layers.check(self.sides[name].player, self.sides[name].masked):
        continue
      batches = self._draw_batch(data, int(self.step.numpy()))
      first, second = self.graph.probe_twice(name, batches)
      if np.allclose(first, second, rtol=1e-6, atol=0):
        self._thin_layers.warn_constant(name)

  def _draw_batch(self, data, step):
    with images.in_use(data.values()):
      return next(self.batches(data, step))

  def batches(self, data: Mapping[str, images.Images], first_step: int = 0) -> Iterator:
    """Yields the batches of the steps after `first_step`, as `data.images.batches` does; under a strategy, by replica.

    Raises:
      DataError: the data are fewer than a batch.
    """
    self.check_data(data)
    draws = {t.name: images.Draw(t.updates_per_step, t.batch_size, t.domains) for t in self.gan.turns if t.domains}

    def draw_for_worker(context):
      share = context.num_replicas_in_sync // context.num_input_pipelines
      replicas = range(context.input_pipeline_id * share, (context.input_pipeline_id + 1) * share)
      return images.batches(data, draws, self._draw_seed, first_step, context.num_replicas_in_sync, self.flip, replicas,
                            self.resize, self.crop)
    return iter(self.strategy.distribute_datasets_from_function(draw_for_worker))

  def _events_at(self, step) -> tuple[str, ...]:
    updates = tuple(name for name, side in self.sides.items() if side.method and side.method.is_update_step(step))
    measured = any(ratio.is_measurement_step(step) for ratio in self.balance.values())
    return (BALANCE, *updates) if measured else updates

  def _steps_without_host(self, step, num_steps, hooks) -> int:
    """Counts the next steps that can run without the host; at least one."""
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
    """Returns means since the last call to `means.reset`, densities, exploration rates and balance ratios, by name.

    A ratio is left out while it is unknown or not finite, and the number of rollbacks while it is 0.
    """
    result = dict(self.means.result())
    if self.host_state.rollbacks:
      result['rollbacks'] = self.host_state.rollbacks
    for name, side in self.sides.items():
      if side.masked:
        result[f'{name}/density'] = float(masks.density(side.masked))
        result[f'{name}/exploration_rate'] = side.exploration.total()
    ratios = {name: ratio.value() for name, ratio in self.balance.items()}
    return {**result, **{name: value for name, value in ratios.items() if math.isfinite(value)}}

  @property
  def images_per_step(self) -> int:
    """The number of real images that a step sees, over all domains and replicas."""
    return sum(turn.batch_size * turn.updates_per_step * len(turn.domains) for turn in self.gan.turns)
