"""Ladders of a few steps: what each round begins with, by the numbers."""

import functools
import json
import logging
import shutil
import types
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from tests import tiny
from tf_stugan import errors
from tf_stugan.metrics.score import LOWER
from tf_stugan.procedures import ladder
from tf_stugan.procedures import round_masks
from tf_stugan.procedures.procedure import Run
from tf_stugan.sparsity import masks
from tf_stugan.training import checkpoints
from tf_stugan.training import layer_choice
from tf_stugan.training import saved_steps
from tf_stugan.training import saving
from tf_stugan.training.workdir import Workdir

STEPS = 4
INITIAL = {'generator': 'initial', 'discriminator': 'initial'}


class Shaken:
  """In the place of `Train`, without graphs: a step adds noise to all weights.

  Attributes:
    begun: by stage, what it was before its first step: its step, its variables, rows of costs, what had been spent.
  """

  def __init__(self, num_steps=STEPS, scores=None):
    self.num_steps = num_steps
    self.begun = {}
    self._scores = scores or {}

  def check(self, trainer, stage):
    pass

  def run(self, run, stage, folder):
    trainer, cost = run.trainer, Cost()
    before = stage.operations_before(folder) if stage.operations_before else 0.0
    if not checkpoints.restore(trainer, run.workdir.checkpoints) and stage.begin:
      stage.begin(run, cost, folder)
    self.begun[stage.name] = Begun(int(trainer.step), variables(trainer), cost.rows, before)
    for step in range(int(trainer.step) + 1, stage.num_steps + 1):
      shake(trainer, step)
      for hook in run.hooks:
        if step % hook.interval == 0:
          hook(trainer, step)
    rows = [{'kind': 'cost', 'step': 0, 'step_operations': 10.0 if stage.name == 'dense' else 7.0,
             'dense_step_operations': 10.0, 'operations_before': before}, {'kind': 'train', 'step': stage.num_steps}]
    if stage.name in self._scores:
      rows.append({'kind': 'evaluation', 'step': step, 'fcd': self._scores[stage.name], 'better': {'fcd': LOWER}})
    run.workdir.metrics.write_text(''.join(json.dumps(row) + '\n' for row in rows))
    checkpoints.save(trainer, run.workdir.checkpoints)


class Cost:
  """In the place of `measuring.Cost`."""

  def __init__(self):
    self.rows = []

  def __call__(self, trainer, step):
    self.rows.append((step, _density(trainer)))


class Begun(NamedTuple):
  step: int
  state: dict
  costs: list
  before: float


def variables(trainer):
  return {f'{part}/{name}': v.numpy() for part, named in trainer.parts().items() for name, v in named.items()}


def shake(trainer, step):
  draw = np.random.default_rng(step)
  for side in trainer.sides.values():
    for v in [*side.player.network.variables, *side.optimizer.variables]:
      if v.dtype.is_floating:
        v.assign_add(draw.normal(0, 0.1, v.shape))
    if side.average:
      side.average.update(tf.constant(step, tf.int64))
    masks.apply_masks([*side.masked, *(side.average.masked if side.average else [])])
  trainer.step.assign(step)


def _density(trainer):
  return {name: round(float(masks.density(side.masked)), 2) for name, side in trainer.sides.items() if side.masked}


def make_trainer(methods=None, seed=1, width=2, **kwargs):
  return tiny.make_trainer(
      methods={role: make() for role, make in (methods or {}).items()}, seed=seed, width=width, built=False, **kwargs)


def built(**kwargs):
  trainer = make_trainer(**kwargs)
  trainer.build({'data': tiny.IMAGES.image_shape})
  return trainer


def climb(folder, masks=None, make=make_trainer, steps=STEPS, scores=None, only=None, **kwargs):
  """Returns {stage: what it began with} of a ladder, after all of it."""
  kwargs = {'rounds': 2, 'rate': 0.2, 'start': INITIAL, 'pruned': ('generator',), **kwargs}
  shaken = Shaken(steps, scores)
  made = ladder.Ladder(shaken, masks=masks or round_masks.Magnitude(), **kwargs)
  for stage in made.stages(make):
    if only and stage.name not in only:
      continue
    run = Run(Workdir(folder, create=True).stage(stage.name), tiny.DATA, stage.make_trainer(), None)
    made.check(run.trainer, stage)
    stage.refuse_to_go_further(Workdir(folder).path)
    run.trainer.build({'data': tiny.IMAGES.image_shape})
    made.run(run, stage, Workdir(folder).path)
  return shaken.begun


def refused(folder, message, error=errors.UserError, **kwargs):
  """Expects one line, before any step."""
  with pytest.raises(error, match=message) as info:
    climb(folder, **kwargs)
  assert '\n' not in str(info.value)
  assert not list(folder.glob('*/checkpoints/*'))


def end(folder):
  """Reads every variable of the newest checkpoint."""
  path, = saved_steps.list_checkpoints(folder / 'checkpoints')
  reader = tf.train.load_checkpoint(str(path / 'variables'))
  return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


@pytest.fixture(scope='module')
def imp(tmp_path_factory):
  """Returns (workdir, what each stage began with) of IMP_G."""
  folder = tmp_path_factory.mktemp('imp')
  return folder, climb(folder)


@pytest.fixture(scope='module')
def initial():
  """Returns theta_0."""
  return variables(built())


def masks_of(state, player='generator'):
  prefix = f'masks/{player}/'
  return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def largest(state, alive, count, part='weights'):
  """Marks the `count` largest magnitudes among those that are alive, by NumPy's sort."""
  values = {name: np.where(mask, abs(state[f'{part}/generator/{name}/kernel']), -1) for name, mask in alive.items()}
  threshold = np.sort(np.concatenate([v.ravel() for v in values.values()]))[-count]
  return {name: value >= threshold for name, value in values.items()}


def assert_same(first, second):
  assert set(first) == set(second)
  for name, value in first.items():
    np.testing.assert_array_equal(value, second[name], err_msg=name)


def assert_begins_from(begun, weights, player):
  """Expects these weights, masked where there are masks, and every buffer."""
  kept = masks_of(begun.state, player)
  names = [name for name in weights if name.startswith(f'weights/{player}/')]
  assert names
  for name in names:
    layer = name.removeprefix(f'weights/{player}/').removesuffix('/kernel')
    expected = np.where(kept[layer], weights[name], 0) if layer in kept else weights[name]
    np.testing.assert_array_equal(begun.state[name], expected, err_msg=name)


def test_rounds_prune_what_the_round_before_trained_and_begin_with_the_initial_weights(imp, initial):
  folder, begun = imp
  size = sum(mask.size for mask in masks_of(begun['round-01'].state).values())
  first, second = (sum(int(m.sum()) for m in masks_of(begun[name].state).values()) for name in ('round-01', 'round-02'))
  assert first == size - round(0.2 * size) and second == first - round(0.2 * first)
  ones = {name: np.ones_like(mask) for name, mask in masks_of(begun['round-01'].state).items()}
  assert_same(masks_of(begun['round-01'].state), largest(end(folder / 'dense'), ones, first))
  trained = end(folder / 'round-01')
  # As the authors' code comes to it: from the second round on averages are compared.
  assert_same(masks_of(begun['round-02'].state), largest(trained, masks_of(trained), second, 'averages'))
  for name in ('round-01', 'round-02'):
    for player in ('generator', 'discriminator'):
      assert_begins_from(begun[name], initial, player)


def test_all_but_weights_begins_anew_in_every_round(imp):
  _, begun = imp
  fresh = variables(built())
  state = begun['round-02'].state
  assert begun['round-02'].step == 0
  for name, value in fresh.items():
    if name.startswith(('optimizers/', 'game/', 'step/', 'progress/')):
      np.testing.assert_array_equal(state[name], value, err_msg=name)
  for name in (name for name in state if name.startswith('averages/')):
    np.testing.assert_array_equal(state[name], state[name.replace('averages/', 'weights/')], err_msg=name)
  for name in (name for name in state if name.startswith('exploration/')):
    np.testing.assert_array_equal(state[name], state[name.replace('exploration/', 'masks/')], err_msg=name)


def test_a_round_tells_all_training_that_it_needed(imp, tmp_path):
  folder, begun = imp
  dense, own = 10.0 * STEPS, 7.0 * STEPS
  assert [begun[f'round-0{i}'].before for i in (1, 2)] == [dense, dense + own]
  once = climb(tmp_path / 'once', round_masks.Magnitude(of='dense'), dense=str(folder / 'dense'))
  assert [once[f'round-0{i}'].before for i in (1, 2)] == [dense, dense]
  assert climb(tmp_path / 'random', round_masks.Random(), dense=str(folder / 'dense'), rounds=1)['round-01'].before == 0
  taken = climb(tmp_path / 'taken', round_masks.Taken(str(folder)), dense=str(folder / 'dense'))
  assert [taken[f'round-0{i}'].before for i in (1, 2)] == [dense + own, dense + 2 * own]
  late = climb(tmp_path / 'late', start={'generator': 'rewind', 'discriminator': 'rewind'}, rewind=0.5)
  assert [late[f'round-0{i}'].before for i in (1, 2)] == [dense / 2, own]  # its own have a half of the dense run, too


def test_the_ladder_describes_itself(imp):
  told = json.loads((imp[0] / 'ladder.json').read_text())
  assert told['rounds'] == {'round-01': pytest.approx(0.8), 'round-02': pytest.approx(0.64)}
  assert (told['dense'], told['seed'], told['initial_seed']) == ('dense', 1, 1)


@pytest.mark.parametrize('weights, first, second', [
    ('raw', 'weights', 'weights'), ('averages', 'averages', 'averages'), ('published', 'weights', 'averages')])
def test_what_is_ranked_is_a_choice(weights, first, second, imp, tmp_path):
  dense = imp[0] / 'dense'
  begun = climb(tmp_path, round_masks.Magnitude(weights=weights), dense=str(dense))
  assert set(begun) == {'round-01', 'round-02'}
  one, two = (masks_of(begun[name].state) for name in ('round-01', 'round-02'))
  ones = {n: np.ones_like(m) for n, m in one.items()}
  assert_same(one, largest(end(dense), ones, _count(one), first))
  assert_same(two, largest(end(tmp_path / 'round-01'), one, _count(two), second))


def _count(masks_):
  return sum(int(m.sum()) for m in masks_.values())


def test_rounds_from_other_initial_weights_are_ranked_by_what_these_became(imp, initial, tmp_path):
  """Recipe (a) of random tickets: IMP with INITIAL_SEED."""
  begun, others = climb(tmp_path, initial_seed=7, dense=str(imp[0] / 'dense')), variables(built(initial_seed=7))
  assert any((others[name] != value).any() for name, value in initial.items() if name.endswith('/kernel'))
  for name in ('round-01', 'round-02'):
    assert_begins_from(begun[name], others, 'generator')
  one, two = (masks_of(begun[name].state) for name in ('round-01', 'round-02'))
  assert_same(two, largest(end(tmp_path / 'round-01'), one, _count(two), 'averages'))


def test_layer_by_layer_each_keeps_its_share(imp, tmp_path):
  begun = climb(tmp_path, round_masks.Magnitude(across_layers=False), rounds=1, dense=str(imp[0] / 'dense'))
  for name, mask in masks_of(begun['round-01'].state).items():
    assert mask.sum() == mask.size - round(0.2 * mask.size), name


def test_one_shot_pruning_looks_at_the_dense_run_alone_and_prunes_both(imp, initial, tmp_path):
  folder, _ = imp
  begun = climb(
      tmp_path, round_masks.Magnitude(of='dense'), pruned=('generator', 'discriminator'), dense=str(folder / 'dense'))
  for player in ('generator', 'discriminator'):
    dense = end(folder / 'dense')
    masks = masks_of(begun['round-02'].state, player)
    size = sum(m.size for m in masks.values())
    once = size - round(0.2 * size)
    values = {n: abs(dense[f'weights/{player}/{n}/kernel']) for n in masks}
    threshold = np.sort(np.concatenate([v.ravel() for v in values.values()]))[-(once - round(0.2 * once))]
    assert_same(masks, {n: v >= threshold for n, v in values.items()})  # each player by a threshold of its own
    assert_begins_from(begun['round-02'], initial, player)


@pytest.mark.slow
def test_random_masks_are_within_those_before_and_a_function_of_the_seed(imp, initial, tmp_path):
  dense = str(imp[0] / 'dense')
  begun = climb(tmp_path / 'a', round_masks.Random(), dense=dense)
  first, second = (masks_of(begun[name].state) for name in ('round-01', 'round-02'))
  size = sum(m.size for m in first.values())
  assert sum(int(m.sum()) for m in first.values()) == size - round(0.2 * size)
  assert all(not (second[name] & ~first[name]).any() for name in first)
  assert len({round(float(m.mean()), 3) for m in first.values()}) > 1  # one draw over all layers
  assert_begins_from(begun['round-02'], initial, 'generator')
  again = climb(tmp_path / 'b', round_masks.Random(), dense=dense, rounds=1)
  assert_same(masks_of(again['round-01'].state), first)
  other = climb(tmp_path / 'c', round_masks.Random(), functools.partial(make_trainer, seed=2), rounds=1, dense=dense)
  assert any((m != first[name]).any() for name, m in masks_of(other['round-01'].state).items())


def test_random_tickets_have_the_masks_of_a_ladder_and_other_initial_weights_but_the_same_draws(imp, initial, tmp_path):
  folder, tickets = imp
  begun = climb(tmp_path, round_masks.Taken(str(folder)), dense=str(folder / 'dense'), initial_seed=42)
  others = variables(built(initial_seed=42))
  for name in ('round-01', 'round-02'):
    assert_same(masks_of(begun[name].state), masks_of(tickets[name].state))
    for player in ('generator', 'discriminator'):
      assert_begins_from(begun[name], others, player)
  assert (others['weights/generator/block1/conv1/kernel'] != initial['weights/generator/block1/conv1/kernel']).any()
  trainer = make_trainer(initial_seed=42)
  assert trainer._draw_seed == make_trainer()._draw_seed  # pylint: disable=protected-access


@pytest.mark.parametrize('generator', ['source', pytest.param('initial', marks=pytest.mark.slow)])
def test_a_transfer_may_begin_with_the_trained_weights_of_the_ticket(generator, imp, tmp_path):
  folder, tickets = imp
  start = {'generator': generator, 'discriminator': 'source'}
  begun = climb(tmp_path, round_masks.Taken(str(folder)), functools.partial(make_trainer, seed=3), start=start,
                dense=str(folder / 'dense'))
  for name in ('round-01', 'round-02'):
    assert_same(masks_of(begun[name].state), masks_of(tickets[name].state))
    assert_begins_from(begun[name], end(folder / name), 'discriminator')
    weights = end(folder / name) if generator == 'source' else variables(built(seed=3))  # what the authors' code has
    assert_begins_from(begun[name], weights, 'generator')


@pytest.mark.parametrize('seed,told', [(1, 'those that they were found with'), (2, 'of seed 2: others')])
def test_it_is_said_whether_masks_from_elsewhere_meet_their_own_initial_weights(seed, told, imp, tmp_path, caplog):
  with caplog.at_level(logging.INFO):
    climb(tmp_path, round_masks.Taken(str(imp[0])), rounds=1, dense=str(imp[0] / 'dense'), initial_seed=seed)
  assert f'(initial weights of seed 1) with initial weights of seed {seed}' in caplog.text and told in caplog.text


@pytest.mark.parametrize('where,source', [
    pytest.param('dense', 'dense', marks=pytest.mark.slow), ('previous', 'round-01')])
def test_a_discriminator_that_is_not_reset_is_that_of_the_dense_run_or_goes_on(where, source, imp, initial, tmp_path):
  begun = climb(tmp_path, start={'generator': 'initial', 'discriminator': where})
  assert_begins_from(begun['round-02'], end(tmp_path / source), 'discriminator')
  assert_begins_from(begun['round-02'], initial, 'generator')


@pytest.mark.slow
def test_standard_pruning_goes_on_with_all_weights_and_fresh_moments(tmp_path):
  begun = climb(tmp_path, start={'generator': 'previous', 'discriminator': 'previous'})
  for name, before in (('round-01', 'dense'), ('round-02', 'round-01')):
    for player in ('generator', 'discriminator'):
      assert_begins_from(begun[name], end(tmp_path / before), player)
    moments = [v for key, v in begun[name].state.items() if key.startswith('optimizers/')]
    assert moments and not any(np.any(v) for v in moments if v.ndim)


@pytest.mark.slow
def test_late_rewinding_goes_back_to_an_early_state_and_counts_on_from_there(imp, tmp_path):
  rewound = {'generator': 'rewind', 'discriminator': 'rewind'}
  begun = climb(tmp_path, start=rewound, rewind=0.5)
  early = built()
  for step in (1, 2):
    shake(early, step)
  for name, density in (('round-01', 0.8), ('round-02', 0.64)):
    assert begun[name].step == 2 and begun[name].costs == [(0, {'generator': 1.0}), (2, {'generator': density})]
    for player in ('generator', 'discriminator'):
      assert_begins_from(begun[name], variables(early), player)
  assert_same(end(tmp_path / 'dense'), end(imp[0] / 'dense'))  # to keep a state changes nothing
  with pytest.raises(errors.UserError, match='kept no checkpoint of step 1, .* Train it with Train.keep_every = 1'):
    climb(tmp_path / 'new', start=rewound, rewind=0.25, dense=str(imp[0] / 'dense'))


def test_the_state_to_rewind_to_is_kept_before_the_run_saves_that_step(tmp_path):
  """Otherwise a run that ends between the two would not come to this step again."""
  hooks = []
  train = types.SimpleNamespace(num_steps=STEPS, run=lambda run, stage, folder: hooks.extend(run.hooks))
  made = ladder.Ladder(train, masks=round_masks.Magnitude(), rounds=1, rate=0.2, pruned=('generator',), rewind=0.5,
                       start={'generator': 'rewind', 'discriminator': 'rewind'})
  made.run(Run(Workdir(tmp_path, create=True), {}, None, None), made.stages(make_trainer)[0], tmp_path)
  kept, = hooks
  assert kept.phase < saving.Checkpoint(1, Workdir(tmp_path)).phase


@pytest.mark.slow
def test_a_ladder_goes_on_where_it_stopped_and_refuses_to_go_beyond(imp, tmp_path):
  folder, _ = imp
  climb(tmp_path, rounds=1)
  climb(tmp_path)
  for name in ('dense', 'round-01', 'round-02'):
    assert_same(end(tmp_path / name), end(folder / name))
  with pytest.raises(errors.UserError, match='round-01 began from what dense was at step 4; to go on to step 6'):
    climb(tmp_path, steps=6)


@pytest.mark.parametrize('dense,warned', [(5.0, True), (3.0, False)])
def test_a_dense_run_that_scores_worse_than_round_1_is_warned_of(dense, warned, tmp_path, caplog):
  climb(tmp_path, rounds=1, scores={'dense': dense, 'round-01': 4.0})
  assert ('The dense run has fcd 5, round 1 has 4' in caplog.text) == warned


def test_rounds_are_trained_where_another_process_has_the_dense_run(tmp_path, caplog):
  scores = {'dense': 5.0, 'round-01': 4.0}
  climb(tmp_path, round_masks.Random(), only=('round-01', 'round-02'), scores=scores)
  assert {path.name for path in tmp_path.iterdir()} == {'ladder.json', 'round-01', 'round-02'}
  assert 'The dense run has' not in caplog.text
  climb(tmp_path, round_masks.Random(), only=('dense',), scores=scores)
  assert 'The dense run has fcd 5, round 1 has 4' in caplog.text


@pytest.mark.parametrize('kwargs,message', [
    ({'rounds': 0}, 'Ladder.rounds is a whole number, from 1 to 99; got 0'),
    ({'rate': 1.0}, 'Ladder.rate is a number in'),
    ({'start': {'generator': 'theta_0'}}, "Ladder.start.generator is one of initial, dense, .*; got 'theta_0'"),
    ({'start': {'generator': 'initial'}}, 'Ladder.start is for generator; the roles of this game are discriminator'),
    ({'pruned': ('painter',)}, 'Ladder.pruned names painter; the roles of this game are'),
    ({'start': {'generator': 'rewind', 'discriminator': 'rewind'}}, 'Ladder.rewind is the share of the training'),
    ({'rewind': 0.5}, 'Ladder.rewind is the share of the training'),
    ({'start': {'generator': 'rewind', 'discriminator': 'initial'}, 'rewind': 0.5}, 'where one role is rewound all have to'),
    ({'start': {'generator': 'source', 'discriminator': 'initial'}}, 'is for masks that are taken from another ladder'),
    ({'initial_seed': -1}, 'Ladder.initial_seed is a whole number, from 0 to'),
    ({'dense': 'nowhere'}, 'Ladder.dense: nowhere holds no checkpoint of a dense run'),
    ({'masks': round_masks.Taken('nowhere')}, 'Taken.ladder: nowhere holds no checkpoint of round-01'),
])
def test_what_cannot_be_done_is_said_at_once(kwargs, message, tmp_path):
  refused(tmp_path, message, **kwargs)


SHAPES = r'\S+ is \[\d.*\] there and \[\d.*\] here'
SOURCE = {'generator': 'initial', 'discriminator': 'source'}


@pytest.mark.parametrize('kwargs,message', [
    ({'make': functools.partial(make_trainer, width=4)}, f'weights/(generator|discriminator)/{SHAPES}'),
    ({'make': functools.partial(make_trainer, width=4), 'start': SOURCE}, f'weights/(generator|discriminator)/{SHAPES}'),
    ({'pruned': ('generator', 'discriminator')}, r'masks/discriminator/\S+ is not in it'),
    ({'make': functools.partial(make_trainer, layers=layer_choice.conv_and_dense)}, r'masks/generator/\S+ is not in it'),
])
def test_tickets_of_other_networks_are_refused_with_the_name_of_the_layer_and_before_the_dense_run(
    kwargs, message, imp, tmp_path):
  refused(tmp_path, message, errors.CheckpointError, masks=round_masks.Taken(str(imp[0])), **kwargs)


def test_tickets_of_another_rate_are_refused(imp, tmp_path):
  refused(tmp_path, 'round-01 of .* keeps 0.8 of the weights, this ladder 0.5: set RATE', rate=0.5,
          masks=round_masks.Taken(str(imp[0])))


def test_masks_that_stay_behind_are_said(imp, tmp_path, caplog):
  both = tmp_path / 'both'
  climb(both, rounds=1, pruned=('generator', 'discriminator'))
  climb(tmp_path / 'one', round_masks.Taken(str(both)), rounds=1, dense=str(both / 'dense'))
  assert f'The masks that {both} has for discriminator are not taken: PRUNED does not name the role.' in caplog.text
  caplog.clear()
  climb(tmp_path / 'all', round_masks.Taken(str(imp[0])), rounds=1, dense=str(both / 'dense'))
  assert 'not taken' not in caplog.text


@pytest.mark.parametrize('stage,kwargs,message', [
    ('dense', {'steps': STEPS + 1}, 'dense is at step 4 of 5. Train it to the end first'),
    ('dense', {'steps': STEPS - 1}, 'dense is at step 4, beyond the 3 of this experiment'),
    ('round-01', {}, 'round-01 holds no checkpoint of a dense run'),
    ('dense', {'make': functools.partial(make_trainer, seed=3)}, 'dense has the seed 1, this experiment 3'),
])
def test_another_run_than_the_dense_one_of_this_ladder_is_refused(stage, kwargs, message, imp, tmp_path):
  source = tmp_path / 'source' / stage
  shutil.copytree(imp[0] / stage, source)
  (source / 'config.gin').write_text('SEED = 1\ntrainer.Trainer.seed = %SEED\n')
  folder = tmp_path / 'ladder'
  refused(folder, message, dense=str(source), masks=round_masks.Magnitude(of='dense'), **kwargs)


def test_a_dense_run_of_other_data_is_refused(imp, tmp_path):
  dense = tmp_path / 'dense'
  shutil.copytree(imp[0] / 'dense', dense)
  (dense / 'data.json').write_text(json.dumps({'data': {'name': 'others', 'images': 9, 'fingerprint': 'x'}}))
  refused(tmp_path / 'ladder', 'dense was trained on others, 9 images, and not on these', dense=str(dense), rounds=1)


def test_a_dense_run_of_another_seed_serves_where_initial_weights_are_named_or_nothing_is_ranked(imp, tmp_path):
  dense = tmp_path / 'dense'
  shutil.copytree(imp[0] / 'dense', dense)
  (dense / 'config.gin').write_text('SEED = 1\n')
  other = functools.partial(make_trainer, seed=3)
  for i, kwargs in enumerate([{'initial_seed': 1}, {'masks': round_masks.Random()}]):
    assert set(climb(tmp_path / str(i), make=other, rounds=1, dense=str(dense), **kwargs)) == {'round-01'}


@pytest.mark.slow
def test_the_teacher_of_every_round_is_the_discriminator_of_the_dense_run(tmp_path):
  begun = climb(tmp_path, distillation=1.0, pruned=('generator', 'discriminator'))
  dense = end(tmp_path / 'dense')
  assert not any(name.startswith('game/') for name in dense)
  taught = [name for name in dense if name.startswith('weights/discriminator/')]
  for stage in ('round-01', 'round-02'):
    teacher = {name: v for name, v in begun[stage].state.items() if name.startswith('game/')}
    assert len(teacher) == len(taught)
    for name in taught:  # whole, where the discriminator that learns has masks
      layer = name.removeprefix('weights/discriminator/')
      found, = (v for key, v in teacher.items() if key.endswith(layer))
      np.testing.assert_array_equal(found, dense[name], err_msg=layer)


def choose(folder, numbers, masks=None, **kwargs):
  """Names the stages that --rounds means."""
  kwargs = {'masks': masks or round_masks.Random(), 'start': INITIAL, **kwargs}
  made = ladder.Ladder(Shaken(), 3, 0.2, pruned=('generator',), **kwargs)
  return [stage.name for stage in made.choose(made.stages(make_trainer), numbers, folder)]


def test_rounds_that_need_no_other_can_be_trained_apart(imp, tmp_path):
  assert choose(tmp_path, [1, 3]) == ['round-01', 'round-03']
  assert choose(tmp_path, [0, 2], round_masks.Magnitude(of='dense')) == ['dense', 'round-02']
  assert choose(imp[0], [2], round_masks.Magnitude(of='dense')) == ['round-02']  # the dense run is there
  assert choose(tmp_path, [2], round_masks.Magnitude(of='dense'), dense=str(imp[0] / 'dense')) == ['round-02']


@pytest.mark.parametrize('numbers,kwargs,message', [
    ([1], {'masks': round_masks.Magnitude()}, 'each round of this ladder needs the one before it'),
    ([1], {'start': {'generator': 'initial', 'discriminator': 'previous'}}, 'needs the one before it'),
    ([1], {'masks': round_masks.Magnitude(of='dense')}, 'these rounds need the dense run, round 0, which is at step 0 of 4'),
    ([1], {'distillation': 1.0}, 'these rounds need the dense run'),
    ([4], {}, 'there is no round 4; this ladder trains 0 to 3'),
    ([0], {'dense': 'somewhere'}, 'there is no round 0; this ladder trains 1 to 3'),
])
def test_rounds_that_need_others_are_not(numbers, kwargs, message, tmp_path):
  with pytest.raises(errors.UserError, match=message):
    choose(tmp_path, numbers, **kwargs)
