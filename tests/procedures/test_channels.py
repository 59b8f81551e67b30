"""Channel procedures of a few steps: what each stage begins with, by the numbers."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from tests.models import test_narrowing
from tests.procedures import test_ladder
from tests.tiny import some_slow
from tf_stugan import cli
from tf_stugan import configuration
from tf_stugan import errors
from tf_stugan.export import dead_channels
from tf_stugan.export import plain
from tf_stugan.export import residual
from tf_stugan.export import sparse_lowering
from tf_stugan.layers import scales
from tf_stugan.layers.prunable import kernel_layers
from tf_stugan.metrics.cost import dense_cost
from tf_stugan.metrics.cost import network_cost
from tf_stugan.models import narrowing
from tf_stugan.procedures import kept_channels
from tf_stugan.procedures.procedure import Run
from tf_stugan.training import starting_weights
from tf_stugan.training.state import named
from tf_stugan.training.workdir import Workdir

# (stages, start of generator and discriminator, whether the last stage has a teacher)
PROCEDURES = {
    'channel_ticket': (['dense', 'search', 'extracted'], ('initial', 'initial'), False),
    'channel_finetune': (['dense', 'search', 'extracted'], ('search', 'search'), False),
    'gs32': (['dense', 'search', 'extracted'], ('search', 'search'), True),
    'random_channels': (['extracted'], ('initial', 'initial'), False)}
SNGAN = ('sngan_cifar10_small_dense.gin', 'runs/tiny.gin', 'runs/noise.gin')
CYCLE_GAN = ('cyclegan_horse2zebra_dense.gin', 'runs/tiny_cycle_gan.gin')
SMALLER = ('resnet.Generator.multipliers = (1, 1, 1)', 'resnet.Discriminator.multipliers = (1, 1)', 'IMAGE_RESOLUTION = 16')
STEPS = 2


class Searched(test_ladder.Shaken):
  """Ends with scales that are 0: of the i-th normalization all but every (i + 2)-nd channel, and all of the second."""

  def run(self, run, stage, folder):
    super().run(run._replace(hooks=(_Kill(),)), stage, folder)


class _Kill:
  interval = STEPS

  def __call__(self, trainer, step):
    for side in trainer.sides.values():
      found = [v for v in side.player.network.variables if scales.norm_of(v.name)]
      for i, scale in enumerate(found if side.player.role == 'generator' else []):
        alive = np.arange(scale.shape[-1]) % (i + 2) == 1 if i != 1 else False
        scale.assign(np.where(alive, scale, -1 if 'gain' in scale.name else 0))


def load(files, procedure, *bindings):
  first, *others = files
  names = [first, f'procedures/{procedure}.gin', *others]
  smaller = SMALLER if first.startswith('sngan') else ()
  configuration.load([configuration.find(f) for f in names], (*smaller, *bindings))
  return configuration.make_experiment()


def go(files, procedure, folder, *bindings):
  """Returns ({stage: what it began with}, trainer of the last stage) of a procedure, after all of it."""
  experiment = load(files, procedure, *bindings)
  made = experiment.procedure
  made.train = test_ladder.Shaken(STEPS)
  made.num_steps = STEPS
  if made.search:
    made.search.train = Searched(STEPS)
  for stage in experiment.stages():
    with configuration.overriding(stage.decided(folder) if stage.decided else {}):
      trainer = stage.make_trainer()
      made.check(trainer, stage)
    data = experiment.build(trainer)
    made.run(Run(Workdir(folder, create=True).stage(stage.name), data, trainer, None), stage, Workdir(folder).path)
  return {**made.train.begun, **(made.search.train.begun if made.search else {})}, trainer


@pytest.fixture(scope='module')
def ticket(tmp_path_factory):
  folder = tmp_path_factory.mktemp('ticket')
  return folder, *go(SNGAN, 'channel_ticket', folder)


def part(state, name):
  return {key.removeprefix(f'{name}/'): value for key, value in state.items() if key.startswith(f'{name}/')}


@pytest.mark.parametrize('name', PROCEDURES)
@pytest.mark.parametrize('files', [SNGAN, CYCLE_GAN], ids=['sngan', 'cyclegan'])
def test_a_procedure_is_what_its_file_says(name, files, tmp_path):
  experiment = load(files, name)
  stages, start, is_taught = PROCEDURES[name]
  assert [stage.name for stage in experiment.stages()] == stages
  assert (experiment.procedure.start['generator'], experiment.procedure.start['discriminator']) == start
  assert experiment.procedure.search is None or experiment.procedure.search.train.num_steps == 8
  trainers = {stage.name: stage.make_trainer() for stage in experiment.stages()}
  taught = {name: 'imitation' in {s for turn in t.gan.turns for s in turn.scalars} for name, t in trainers.items()}
  assert taught == {stage: stage == 'search' or (stage == 'extracted' and is_taught) for stage in stages}
  assert [stage.name for stage in load(files, name, "DENSE = 'x'").stages()] == [s for s in stages if s != 'dense']


def test_the_search_begins_with_what_made_the_images_of_the_dense_run_and_learns_from_it(ticket):
  folder, begun, _ = ticket
  dense, state = test_ladder.end(folder / 'dense'), begun['search'].state
  averages = part(dense, 'averages/generator')
  test_ladder.assert_same(part(state, 'weights/generator'), averages)
  test_ladder.assert_same(part(state, 'game/generator'), averages)  # the teacher
  test_ladder.assert_same(part(state, 'weights/discriminator'), part(dense, 'weights/discriminator'))
  assert any((averages[name] != value).any() for name, value in part(dense, 'weights/generator').items())


def test_stages_tell_all_training_that_they_needed(ticket):
  dense, search = 10.0 * STEPS, 7.0 * STEPS
  assert (ticket[1]['search'].before, ticket[1]['extracted'].before) == (dense, dense + search)


def test_a_ticket_has_the_initial_weights_of_the_channels_whose_scales_are_not_zero(ticket):
  folder, begun, _ = ticket
  initial, state = part(begun['dense'].state, 'weights/generator'), part(begun['extracted'].state, 'weights/generator')
  found = part(test_ladder.end(folder / 'search'), 'weights/generator')
  first, second, last = (np.flatnonzero(found[f'{norm}/gamma']) for norm in ('block1/norm1', 'block2/norm1', 'norm'))
  assert (len(first), len(second), len(last)) == (4, 2, 2)
  assert not found['block1/norm2/gamma'].any()  # one channel stays all the same
  np.testing.assert_array_equal(state['block1/conv1/kernel'], initial['block1/conv1/kernel'][:, :, first][..., :1])
  hidden = np.flatnonzero(found['block2/norm2/gamma'])
  np.testing.assert_array_equal(state['block2/conv1/kernel'], initial['block2/conv1/kernel'][:, :, second][..., hidden])
  np.testing.assert_array_equal(state['block2/norm1/gamma'], initial['block2/norm1/gamma'][second])
  path, shortcuts = narrowing.put_first(second, 8), [f'block{i}/shortcut/kernel' for i in (1, 2)]
  np.testing.assert_array_equal(state[shortcuts[0]], initial[shortcuts[0]][:, :, narrowing.put_first(first, 8)][..., path])
  np.testing.assert_array_equal(state[shortcuts[1]], initial[shortcuts[1]][:, :, path][..., last])  # the last block
  np.testing.assert_array_equal(state['to_rgb/kernel'], initial['to_rgb/kernel'][:, :, last])
  test_ladder.assert_same(part(begun['extracted'].state, 'weights/discriminator'),
                          part(begun['dense'].state, 'weights/discriminator'))
  test_ladder.assert_same(part(begun['extracted'].state, 'averages/generator'), state)


def test_the_configuration_of_the_extracted_network_says_its_widths(ticket, tmp_path):
  folder, _, trainer = ticket
  experiment = load(SNGAN, 'channel_ticket', f'SEARCH_STEPS = {STEPS}')
  with configuration.overriding(experiment.stages()[-1].decided(folder)):
    text = configuration.snapshot('extracted')
  assert configuration.macro_value('CHANNELS') == {}
  (tmp_path / 'config.gin').write_text(text)
  configuration.load([tmp_path / 'config.gin'])
  again = configuration.make_experiment().make_trainer()
  again.build(trainer.image_shapes)
  assert [tuple(v.shape) for v in again.gan.generator.variables] == [
      tuple(v.shape) for v in trainer.gan.generator.variables]
  assert configuration.macro_value('CHANNELS')['generator'] == {
      'block1/norm1': 4, 'block1/norm2': 1, 'block2/norm1': 2, 'block2/norm2': 2, 'norm': 2}


@pytest.mark.slow
def test_fine_tuning_begins_with_what_the_search_computes_without_its_dead_channels(tmp_path):
  begun, trainer = go(SNGAN, 'channel_finetune', tmp_path)
  searched, narrow = load(SNGAN, 'channel_ticket').stages()[0].make_trainer(), trainer.gan.generator
  searched.build(trainer.image_shapes)
  starting_weights.restore_parts(searched, tmp_path / 'search' / 'checkpoints', ['weights/generator'])
  full = searched.gan.generator
  kept = narrowing.living_channels(full.full_channels, {
      name: v.numpy() for name, v in named(full.variables, full.name).items()})
  test_narrowing.silence(full, kept)
  for name, variable in named(narrow.variables, narrow.name).items():
    variable.assign(begun['extracted'].state[f'weights/generator/{name}'])
  latents = tf.random.stateless_normal([4, 128], [1, 2])
  expected = full(latents).numpy()
  np.testing.assert_allclose(narrow(latents), expected, atol=1e-5)
  assert np.ptp(expected, axis=0).max() > 0.01


@pytest.mark.slow
def test_slimming_goes_on_from_the_search_and_goes_on_imitating(tmp_path):
  begun, _ = go(CYCLE_GAN, 'gs32', tmp_path)
  searched, state = test_ladder.end(tmp_path / 'search'), begun['extracted'].state
  for player in ('a_to_b', 'b_to_a'):
    weights, narrow = part(searched, f'weights/{player}'), part(state, f'weights/{player}')
    kept = [np.flatnonzero(weights[f'{name}/gamma']) for name in ('down1_norm', 'up1_norm', 'up2_norm')]
    np.testing.assert_array_equal(narrow['down2/kernel'], weights['down2/kernel'][:, :, :1])  # the second: all are 0
    np.testing.assert_array_equal(narrow['up2/kernel'], weights['up2/kernel'][:, :, kept[2]][..., kept[1]])
    np.testing.assert_array_equal(narrow['to_rgb/kernel'], weights['to_rgb/kernel'][:, :, kept[2]])
  test_ladder.assert_same(part(state, 'weights/discriminator_a'), part(searched, 'weights/discriminator_a'))
  dense = part(test_ladder.end(tmp_path / 'dense'), 'weights/a_to_b')
  test_ladder.assert_same(part(state, 'game/a_to_b'), dense)


def test_the_rates_of_a_search_are_those_of_the_experiment():
  search = load(CYCLE_GAN, 'channel_ticket', 'GENERATOR_LEARNING_RATE = 3e-4').stages()[1].make_trainer()
  for name in ('a_to_b', 'b_to_a'):
    schedule = search.optimizers[name].schedule
    assert float(schedule(0)) == pytest.approx(3e-4) and float(schedule(schedule.total_steps)) == 0


OTHERS = {'sagan': 4, 'biggan': 4, 'diffaug_gan': 8}  # channels of the first block; all where dense layers make conditions


@pytest.mark.parametrize('model', some_slow(OTHERS, ()))
def test_other_residual_generators(model, tmp_path):
  blocks = () if model == 'diffaug_gan' else ('resnet.Generator.multipliers = (4, 4, 4)', 'IMAGE_RESOLUTION = 16')
  _, trainer = go((f'{model}_cifar10_dense.gin', *SNGAN[1:]), 'channel_finetune', tmp_path, 'GENERATOR_WIDTH = 2',
                  'DISCRIMINATOR_WIDTH = 2', *blocks)
  network = trainer.gan.generator
  assert network.blocks[0].read == OTHERS[model]
  assert np.isfinite(network(*trainer.gan.ones('generator'))).all()


def test_random_channels_are_a_function_of_the_seed_and_need_no_search(tmp_path):
  begun, trainer = go(SNGAN, 'random_channels', tmp_path, 'KEPT_CHANNELS = 0.3')
  whole = load(SNGAN, 'channel_ticket').stages()[0].make_trainer()
  whole.build(trainer.image_shapes)
  initial = part(test_ladder.variables(whole), 'weights/generator')['block1/norm2/gamma']
  assert {block.read for block in trainer.gan.generator.blocks} == {2}
  chosen = part(begun['extracted'].state, 'weights/generator')['block1/norm2/gamma']
  assert len(chosen) == 2 and set(chosen) < set(initial)


def test_a_layer_that_would_lose_all_of_its_channels_keeps_one_and_says_so(caplog):
  full = {'norm1': 3, 'norm2': 2, 'norm3': 1}
  found = narrowing.living_channels(full, {'norm1/gamma': np.zeros(3), 'norm2/gamma': np.array([0, 0.1])})
  assert {norm: list(channels) for norm, channels in found.items()} == {'norm1': [0], 'norm2': [1], 'norm3': [0]}
  with caplog.at_level('INFO'):
    kept_channels.tell({'generator': found | {'norm2': np.arange(2)}}, {'generator': full})
  assert 'keeps 4 of 6 channels' in caplog.text
  assert 'Of norm1 in the generator one channel stays' in caplog.text  # norm3 had but one


def refused(files, procedure, *bindings):
  """What the user is told before the first step of the first stage."""
  with pytest.raises(errors.UserError) as told:
    experiment = load(files, procedure, *bindings)
    stage = experiment.stages()[0]
    trainer = configuration.make_trainer(stage)
    experiment.procedure.check(trainer, stage)
    data = experiment.build(trainer)
    stage.begin(Run(None, data, trainer, None), lambda *_: None, Workdir('.').path)
  assert told.value.exit_code == 2 and '\n' not in str(told.value)
  return str(told.value)


def _copied_with_seed(source, folder, seed):
  shutil.copytree(source, folder)
  (folder / 'config.gin').write_text(f'SEED = {seed}\n')
  return folder


def test_what_cannot_be_done_is_one_line_before_the_first_step(ticket, tmp_path):
  dense, shorter = f"DENSE = '{ticket[0] / 'dense'}'", 'NUM_STEPS = 2'
  assert 'holds no checkpoint of a dense run' in refused(SNGAN, 'channel_ticket', f"DENSE = '{tmp_path}'")
  assert 'is at step 2 of 8' in refused(SNGAN, 'channel_ticket', dense)
  other_seed = f"DENSE = '{_copied_with_seed(ticket[0] / 'dense', tmp_path / 'seed_7', 7)}'"
  assert 'has the seed 7, this experiment 1' in refused(SNGAN, 'channel_ticket', other_seed, shorter)
  assert 'other networks' in refused(SNGAN, 'channel_finetune', other_seed, shorter, 'DISCRIMINATOR_WIDTH = 4')  # no seed
  others = 'holds other networks than this experiment'
  assert others in refused(SNGAN, 'channel_ticket', dense, shorter, 'DISCRIMINATOR_WIDTH = 4')
  assert others in refused(SNGAN, 'random_channels', dense, shorter, 'GENERATOR_WIDTH = 4', "GENERATOR_START = 'dense'")
  other_data = _copied_with_seed(ticket[0] / 'dense', tmp_path / 'other_data', 1)
  (other_data / 'data.json').write_text('{"data": {"name": "cifar10/train", "images": 9, "fingerprint": "0"}}')
  for bindings in (('channel_ticket',), ('random_channels', "GENERATOR_START = 'dense'")):  # the latter without a search
    assert 'was trained on cifar10/train, 9 images' in refused(SNGAN, *bindings, f"DENSE = '{other_data}'", shorter)
  autogan = ('autogan_a_cifar10_dense.gin', *SNGAN[1:])
  for procedure in ('channel_ticket', 'random_channels'):  # the latter has no dense stage before
    assert 'generator has no channels that could be taken away' in refused(autogan, procedure)
  assert 'Channels.pruned names generatr;' in refused(SNGAN, 'random_channels', "channels.Channels.pruned = ('generatr',)")
  narrow = ('sngan_cifar10_small_small_dense.gin', *SNGAN[1:])
  for procedure in ('channel_ticket', 'random_channels'):
    assert 'generator is narrower than its kind already' in refused(narrow, procedure, 'GENERATOR_DENSITY = 0.5')


def test_a_search_that_something_was_extracted_from_goes_no_further(ticket):
  folder = ticket[0]
  stage = load(SNGAN, 'channel_ticket').stages()[1]
  with pytest.raises(errors.UserError, match='extracted began from what search was at step 2; to go on to step 8 would'):
    stage.refuse_to_go_further(folder)


@pytest.mark.slow
def test_extracted_and_then_sparse_from_scratch(tmp_path):
  files = ('sngan_cifar10_small_stugan.gin', *SNGAN[1:])
  begun, trainer = go(files, 'channel_ticket', tmp_path, 'GENERATOR_DENSITY = 0.4')
  side, output = trainer.sides['generator'], trainer.gan.outputs['images']
  dense = {name: value for name, value in begun['dense'].state.items() if name.startswith('masks/')}
  assert not dense and len(side.masked) == 7 and trainer.label == 'channel ticket, sparse'
  assert side.masked[0].weight.shape.as_list() == [3, 3, 4, 1]  # of block1/conv1
  cost, network = network_cost(side.player.network, side.masked), kernel_layers(side.player.network)
  assert cost.multiply_adds == sum(
      layer.positions * int(np.count_nonzero(layer.kernel_mask if layer.kernel_mask is not None else layer.kernel))
      for layer in network.values()) < 0.7 * cost.dense_multiply_adds
  assert dense_cost(side.player.network, cost).multiply_adds > 2 * cost.dense_multiply_adds
  arrays = dead_channels.remove(residual.read(output.network))
  latents = tf.random.stateless_normal([1, 128], [1, 2])
  for layout in (plain, sparse_lowering):
    np.testing.assert_allclose(layout.images(arrays, latents), output.network(latents), atol=1e-5)


@pytest.mark.parametrize('procedure, exact', [('channel_ticket', False), ('random_channels', True)])
def test_the_ledger_counts_the_channels_that_are_known(procedure, exact, capsys):
  first, *others = SNGAN
  flags = [f'--gin_file={file}' for file in (first, f'procedures/{procedure}.gin', *others)]
  assert cli.main(['tf-stugan', 'flops', '--json', *flags]) == 0
  told = json.loads(capsys.readouterr().out)
  assert told['exact'] == exact
  ratio = told['generator']['forward_multiply_adds'] / told['generator']['dense_forward_multiply_adds']
  assert ratio == told['test_flops_vs_dense'] and (ratio < 0.6) == exact


def test_the_ledger_of_an_extracted_run_is_about_this_run(ticket, tmp_path, capsys):
  experiment = load(SNGAN, 'channel_ticket', f'SEARCH_STEPS = {STEPS}')
  texts = {}
  for stage in experiment.stages():
    with configuration.overriding(stage.decided(ticket[0]) if stage.decided else {}):
      texts[stage.name] = configuration.snapshot(stage.name)
  told = {}
  for name, text in texts.items():
    (tmp_path / f'{name}.gin').write_text(text)
    assert cli.main(['tf-stugan', 'flops', '--json', f'--gin_file={tmp_path}/{name}.gin']) == 0
    told[name] = json.loads(capsys.readouterr().out)
  assert all('all_stages_training_flops' not in one and one['exact'] for one in told.values())
  assert told['extracted']['generator']['parameters'] < told['dense']['generator']['parameters']
  assert told['extracted']['generator']['parameters'] == sum(
      np.prod(v.shape) for v in ticket[2].gan.generator.trainable_variables)
  assert 0 < told['search']['training_flops'] < told['dense']['training_flops']  # of 2 steps and of 8


def test_what_a_distance_looks_at_is_there_before_the_first_step(tmp_path):
  def prepared(distance, *bindings):
    files = (*SNGAN[:1], 'procedures/channel_ticket.gin', f'procedures/parts/{distance}.gin', *SNGAN[1:])
    configuration.load([configuration.find(f) for f in files], (*SMALLER, *bindings))
    experiment = configuration.make_experiment()
    first = experiment.stages()[0]  # of several, which may take days
    experiment.prepare(first.make_trainer(), Workdir(tmp_path).stage(first.name), None, tmp_path)
    return experiment.procedure.distance
  distance = prepared('classifier_distance')
  images = np.random.default_rng(0).uniform(-1, 1, [2, 2, 16, 16, 3]).astype(np.float32)
  assert float(distance(*images)) > float(distance(images[0], images[0])) == 0
  with pytest.raises(errors.UserError, match='weights of VGG-16 could not be read from /nowhere/vgg.h5'):
    prepared('vgg_distance', "VGG_LOCATION = '/nowhere/vgg.h5'")
