import weakref

import numpy as np
import pytest
import tensorflow as tf

from tests import tiny
from tf_stugan import compat
from tf_stugan import rng
from tf_stugan import errors
from tf_stugan.metrics import balance_ratio
from tf_stugan.sparsity import dynamic_sparse
from tf_stugan.sparsity import masks
from tf_stugan.sparsity import schedules
from tf_stugan.training import strategies
from tf_stugan.training import trainer as trainer_lib
from tf_stugan.training.hooks import Hook


class Recorder(Hook):
  """Notes the steps it is called at, and something about each."""

  def __init__(self, interval, note=lambda trainer: None):
    super().__init__(interval)
    self.steps, self.notes, self._note = [], [], note

  def __call__(self, trainer, step):
    self.steps.append(step)
    self.notes.append(self._note(trainer))


def generator_masks(trainer):
  return [v.mask.numpy() for v in trainer.sides['generator'].masked]


@pytest.fixture(scope='module')
def trained():
  trainer = tiny.make_trainer(interval=2, updates=2)
  recorder = Recorder(1, generator_masks)
  trainer.fit(tiny.DATA, 6, [recorder])
  return trainer, recorder.notes


def test_masks_change_at_multiples_of_the_interval_only(trained):
  _, history = trained
  changed = [any((a != b).any() for a, b in zip(*pair, strict=True)) for pair in zip(history[:-1], history[1:], strict=True)]
  assert changed == [True, False, True, False, True]  # before steps 2, 3, 4, 5, 6


def test_densities_stay(trained):
  trainer, history = trained
  counts = [[m.sum() for m in masks_] for masks_ in history]
  assert all(c == counts[0] for c in counts)
  assert float(masks.density(trainer.sides['generator'].masked)) == pytest.approx(0.2, abs=1e-3)


def test_pruned_weights_and_their_averages_are_exactly_zero(trained):
  trainer, _ = trained
  averaged = {v.name: v for v in trainer.gan.averaged_generator.variables}
  for side in trainer.sides.values():
    for v in side.masked:
      assert not v.weight.numpy()[~v.mask.numpy()].any()
      if side.player.name == 'generator':
        assert not averaged[v.weight.name].numpy()[~v.mask.numpy()].any()
        assert averaged[v.weight.name].numpy()[v.mask.numpy()].any()


def test_the_discriminator_moves_n_critic_times_a_step(trained):
  trainer, _ = trained
  assert int(trainer.optimizers['discriminator'].iterations) == 12
  assert int(trainer.optimizers['generator'].iterations) == 6


@pytest.mark.slow
def test_updates_in_a_loop_are_those_that_are_made_one_by_one():
  looped, by_hand = tiny.make_trainer(updates=4), tiny.make_trainer(updates=4)
  looped.fit(tiny.DATA, 1)
  batches = next(by_hand.batches(tiny.DATA))
  turn = by_hand.gan.turns[0]
  move = tf.function(lambda batch, i: by_hand.graph.moves.make(
      turn, batch, rng.seed(by_hand.seed, turn.name, 1, i), {}).scalars)
  for i in range(4):
    move(tf.nest.map_structure(lambda x, i=i: x[i], batches[turn.name]), tf.constant(i))
  for ours, theirs in zip(looped.gan.discriminator.variables, by_hand.gan.discriminator.variables, strict=True):
    if 'spectral_norm' not in ours.name:  # whose vectors the generator's turn moves, too
      np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)
  assert int(looped.optimizers['discriminator'].iterations) == 4


@pytest.mark.parametrize('most, kwargs', [
    (2_900, {}), pytest.param(7_000, {'updates': 5, 'accumulation_steps': 4}, marks=pytest.mark.slow)])
def test_the_graph_of_a_step_stays_small(most, kwargs):
  """Every operation takes half a millisecond to trace; updates and accumulated parts are loops."""
  trainer = tiny.make_trainer(**kwargs)
  graph = trainer.graph.traced(trainer.batches(tiny.DATA)).graph.as_graph_def()
  assert len(graph.node) + sum(len(function.node_def) for function in graph.library.function) < most


def test_one_graph_is_traced_for_steps_with_and_without_an_update(trained):
  trainer, _ = trained
  assert trainer.graph.num_graphs == 1


@pytest.mark.slow
def test_tensorflow_does_not_warn_of_retracing(caplog):
  methods = {'generator': dynamic_sparse.DynamicSparse(0.2, schedules.UpdateSchedule(100, 2)),
             'discriminator': dynamic_sparse.DynamicSparse(0.5, schedules.UpdateSchedule(100, 3))}
  trainer = tiny.make_trainer(methods=methods, balance=balance_ratio.BalanceRatio(interval=5, window=2))
  with caplog.at_level('WARNING', 'tensorflow'):
    trainer.fit(tiny.DATA, 6)  # five combinations of events in six calls
  assert 'retracing' not in caplog.text


def test_exploration_grows_for_who_explores(trained):
  scalars = trained[0].scalars()
  assert scalars['generator/exploration_rate'] > 0.25
  assert scalars['discriminator/exploration_rate'] == pytest.approx(0.5, abs=0.01)


def test_hooks_are_called_at_their_interval_and_at_the_end(monkeypatch):
  """With steps that only count: which of them make one call is the host's choice."""
  trainer = tiny.make_trainer(interval=100)
  def count(iterator, data, step, count, events):
    trainer.step.assign(step + count)
    return count
  monkeypatch.setattr(trainer, '_call', count)
  every_two, every_three = Recorder(2), Recorder(3)
  trainer.fit(tiny.DATA, 7, [every_two, every_three])
  assert every_two.steps == [2, 4, 6, 7]
  assert every_three.steps == [3, 6, 7]


@pytest.mark.slow
def test_two_replicas_with_one_global_batch_do_what_one_device_does():
  # Four mask updates: at each, two gradients that are equal up to rounding may be ranked otherwise by two replicas.
  one = tiny.make_trainer(interval=5)
  one.fit(tiny.DATA, 20)
  with strategies.make('mirrored').scope():
    two = tiny.make_trainer(interval=5)
  two.fit(tiny.DATA, 20)
  for a, b in zip(one.variables, two.variables, strict=True):
    if a.dtype.is_floating:  # weights, moments, averages, running statistics, sums of what is reported
      np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5, err_msg=a.name)
    else:  # masks, counters
      np.testing.assert_array_equal(a, b, err_msg=a.name)
  made = [trainer.gan.outputs['images'].sample([1, 2, 3]) for trainer in (one, two)]
  np.testing.assert_allclose(*made, atol=1e-5)
  # Nothing has to be reduced when it is read: the one process that saves needs no other for it.
  assert not [v.name for v in two.variables if v.synchronization == tf.VariableSynchronization.ON_READ]
  for side in two.sides.values():
    for v in (*side.player.network.variables, *(m.mask for m in side.masked)):
      first, second = (r.numpy() for r in two.strategy.experimental_local_results(v))
      np.testing.assert_array_equal(first, second)


@pytest.mark.slow
def test_a_strategy_of_a_single_replica_does_what_one_device_does():
  """As on a machine with one GPU: what one device has in loops and branches, a replica must not."""
  def trained():
    balance = balance_ratio.BalanceRatio(interval=2, window=2)
    trainer = tiny.make_trainer(interval=2, updates=3, accumulation_steps=2, balance=balance)
    trainer.fit(tiny.DATA, 4)
    return trainer
  one = trained()
  with tf.distribute.MirroredStrategy(['CPU:0']).scope():
    single = trained()
  for a, b in zip(one.variables, single.variables, strict=True):
    np.testing.assert_allclose(tf.cast(a, tf.float32), tf.cast(b, tf.float32), rtol=1e-5, atol=1e-5, err_msg=a.name)


@pytest.mark.slow
def test_optimizer_state_of_regrown_weights_is_reset_where_asked():
  schedule = schedules.UpdateSchedule(100, 3)
  trainer = tiny.make_trainer(
      method=dynamic_sparse.DynamicSparse(0.2, schedule, regrow_dropped=False, reset_optimizer_state=True))
  trainer.fit(tiny.DATA, 2)
  before = generator_masks(trainer)
  trainer.fit(tiny.DATA, 3)
  side = trainer.sides['generator']
  for v, old in zip(side.masked, before, strict=True):
    grown = v.mask.numpy() & ~old
    for slot in compat.adam_slots(side.optimizer, v.weight):
      assert not slot.numpy()[grown].any()
      assert slot.numpy()[old & v.mask.numpy()].any()


def test_what_a_trainer_has_traced_is_freed_after_it():
  """Or the rounds of a ladder, which one process trains, would add up in memory."""
  trainer = tiny.make_trainer()
  iterator = trainer.batches(tiny.DATA)
  graph = weakref.ref(trainer.graph.traced(iterator).graph)
  assert graph() is not None
  del trainer, iterator
  compat.collect_graphs()
  assert graph() is None


def test_initial_weights_do_not_depend_on_the_method():
  sparse, dense = tiny.make_trainer(), tiny.make_trainer(method=dynamic_sparse.DynamicSparse(
      1.0, schedules.UpdateSchedule(100)))
  for v, w in zip(sparse.sides['generator'].masked, dense.sides['generator'].masked, strict=True):
    np.testing.assert_array_equal(v.weight, masks.masked(w.weight, v.mask))


@pytest.mark.slow
def test_a_loss_that_is_not_finite_stops_the_run():
  trainer = tiny.make_trainer()
  trainer.gan.generator.project.bias.assign(np.nan * trainer.gan.generator.project.bias)
  with pytest.raises(errors.DivergedError, match=r'loss became nan .* step 1 \(seed 1\)'):
    trainer.fit(tiny.DATA, 4)


def test_a_batch_that_replicas_cannot_share_is_refused():
  with strategies.make('mirrored').scope(), pytest.raises(
      errors.UserError, match='batch of 5 images of the discriminator cannot be shared by 2 replicas'):
    gan = tiny.noise_to_image.NoiseToImage(tiny.generator, tiny.discriminator, tiny.losses.hinge(), 5, 4)
    trainer_lib.Trainer(gan, {p.role: compat.keras.optimizers.Adam for p in gan.players}, {}, tiny.sparse_ema.SparseEMA)


def test_roles_that_do_not_exist_are_refused_by_name():
  gan = tiny.make_trainer().gan
  with pytest.raises(errors.UserError, match='critic'):
    trainer_lib.Trainer(gan, {}, {'critic': None}, None)
  with pytest.raises(errors.UserError, match='none for discriminator, generator'):
    trainer_lib.Trainer(gan, {}, {}, None)
