"""Experiments of the gin tree are run for a few steps, and held to the same contract.

With tiny networks and noise for data, two experiments with one model and one method are the same. So every method is run
here, on SNGAN or on CycleGAN, and every other model in test_models.py; all experiments are loaded.
"""

import contextlib
import math
import re

import numpy as np
import pytest
import tensorflow as tf

from tests import processes
from tests import tiny
from tests.conformance import test_models
from tests.tiny import some_slow
from tf_stugan import configuration
from tf_stugan import errors
from tf_stugan import litert
from tf_stugan.data import random_images
from tf_stugan.export import exporter
from tf_stugan.reports import records
from tf_stugan.sparsity import adaptive_density
from tf_stugan.sparsity import dynamic_sparse
from tf_stugan.sparsity import masks
from tf_stugan.training import checkpoints
from tf_stugan.training import saved_steps
from tf_stugan.training.workdir import Workdir

ROOT = configuration.config_root()
EXPERIMENTS = sorted(p.name for p in (ROOT / 'experiments').glob('*.gin'))


def parts(experiment, folder):
  """Files of a folder ('methods', 'models') that an experiment includes, by itself or in its setup."""
  text = (ROOT / 'experiments' / experiment).read_text()
  text += ''.join((ROOT / setup).read_text() for setup in re.findall(r"include '(setups/.+)'", text))
  return set(re.findall(rf"include '{folder}/(\w+)\.gin'", text))


def covering():
  """Experiments that together have every method, on small networks, and one model with classes."""
  chosen = ['quickstart.gin', 'biggan_cifar10_small_stugan.gin']
  for name in sorted(EXPERIMENTS, key=lambda name: ('sngan_cifar10_small' not in name, name)):
    if not parts(name, 'methods') <= set().union(*(parts(other, 'methods') for other in chosen)):
      chosen.append(name)
  return chosen


RUN = covering()
# One method of each kind, as it is, on a game of four players.
CYCLE_GANS = [f'cyclegan_{method}' for method in (
    'stugan', 'sdst_rigl', 'adapt_strict', 'snip', 'grasp', 'synflow', 'gmp', 'prune_and_finetune')]
QUICK = ('quickstart.gin',)
# What noise is put in the place of.
REPLACED = re.compile(r'(tfds_images|tiny_imagenet|image_folder|domains)\.|embedded\.|features\.(Inception|Classifier)')


def load(experiment, *bindings):
  """An experiment of the tree, or one of CYCLE_GANS, made tiny."""
  if experiment in CYCLE_GANS:
    files = ('setups/cyclegan_cifar10_small.gin', f'methods/{experiment.removeprefix("cyclegan_")}.gin',
             'runs/small_cycle_gan.gin', 'runs/tiny_cycle_gan.gin')
  else:
    files = (experiment, 'runs/tiny.gin', 'runs/noise.gin')
  configuration.load([configuration.find(f) for f in files], bindings)
  return configuration.make_experiment()


def run_all(experiment, workdir, cache, *bindings):
  """The run of the last stage, after all of them."""
  made = load(experiment, *bindings)
  workdir = Workdir(workdir, create=True)
  for stage in made.stages():
    run = made.prepare(stage.make_trainer(), workdir.stage(stage.name), None, cache)
    made.procedure.run(run, stage, workdir.path)
  return run


@pytest.fixture(scope='module')
def cache(tmp_path_factory):
  return tmp_path_factory.mktemp('cache')


@pytest.fixture(scope='module', params=some_slow([*RUN, *CYCLE_GANS], QUICK))
def finished(request, cache, tmp_path_factory):
  """(experiment, run, bindings that were parsed, bindings that were used) after 8 steps."""
  workdir = tmp_path_factory.mktemp(request.param.removesuffix('.gin'))
  with tiny.unoptimized() if request.param in CYCLE_GANS[1:] else contextlib.nullcontext():
    run = run_all(request.param, workdir, cache)
  return request.param, run, configuration.snapshot(), configuration.operative()


def test_no_binding_is_dead(finished):
  _, _, parsed, used = finished
  def bindings(text):
    """Names without their scope: a binding for every Adam is used by generator/Adam."""
    names = (name.split('/')[-1] for name in configuration.bindings_of(text) if '.' in name)
    return {name for name in names if not REPLACED.match(name)}
  assert bindings(parsed) - bindings(used) == set()


def test_losses_are_finite_and_rows_complete(finished):
  experiment, run, _, _ = finished
  rows = run.workdir.rows()
  numbers = [v for row in rows for v in row.values() if isinstance(v, float)]
  assert numbers and all(map(math.isfinite, numbers))
  begun = 4 if 'finetune' in experiment else 0  # where the stage before it ended
  assert [row['step'] for row in rows if row['kind'] == 'train'] == [step for step in (2, 4, 6, 8) if step > begun]
  assert [row['step'] for row in rows if row['kind'] == 'evaluation'] == [step for step in (4, 8) if step > begun]
  outputs = run.trainer.gan.outputs
  assert {p.name for p in run.workdir.samples.iterdir()} == {
      f'step-{step:08}{f"-{name}" if len(outputs) > 1 else ""}.png' for step in (4, 8) if step > begun for name in outputs}


def test_densities_are_kept_and_pruned_weights_are_zero(finished):
  experiment, run, _, _ = finished
  for side in run.trainer.sides.values():
    averaged = {v.name: v.numpy() for v in side.player.averaged.variables} if side.player.averaged else {}
    assert bool(side.masked) == ('dense' not in experiment)
    if not side.masked:
      continue
    targets = side.method.expected_densities({v.name: tuple(v.weight.shape) for v in side.masked}, 8)
    sizes = {v.name: v.mask.shape.num_elements() for v in side.masked}
    if not isinstance(side.method, adaptive_density.AdaptiveDensity):
      kept = sum(int(v.mask.numpy().sum()) for v in side.masked)
      assert abs(kept - sum(targets[n] * sizes[n] for n in sizes)) <= len(sizes)
    for v in side.masked:
      mask = v.mask.numpy()
      assert side.method.across_layers or abs(mask.sum() - targets[v.name] * mask.size) <= 1
      assert not v.weight.numpy()[~mask].any()
      if side.player.averaged:
        assert not averaged[v.weight.name][~mask].any()


def test_generators_explore_exactly_where_weights_grow_again_or_all_were_there_at_first(finished):
  experiment, run, _, _ = finished
  scalars = run.trainer.scalars()
  for name, side in run.trainer.sides.items():
    if side.player.role == 'generator' and side.masked:
      at_first = side.method.expected_densities({v.name: tuple(v.weight.shape) for v in side.masked}, 0)
      dense_at_first = set(at_first.values()) == {1.0} and 'finetune' not in experiment  # that of its last stage was pruned
      explores = isinstance(side.method, dynamic_sparse.DynamicSparse) or dense_at_first
      assert (scalars[f'{name}/exploration_rate'] > scalars[f'{name}/density'] + 0.01) == explores, name


def test_one_graph_is_traced_whatever_happens_in_a_step(finished):
  _, run, _, _ = finished
  assert run.trainer.graph.num_graphs == 1


def test_the_export_equals_keras(finished):
  _, run, _, _ = finished
  for output in run.trainer.gan.outputs.values():
    inputs = output.inputs(np.arange(4))
    images = litert.run(exporter.export(output, encoded=False).model, *inputs)
    np.testing.assert_allclose(images, output.make(inputs), atol=1e-5)


def test_the_newest_checkpoint_is_whole(finished):
  experiment, run, _, _ = finished
  fresh = load(experiment).make_trainer()
  fresh.build(run.trainer.image_shapes)
  assert checkpoints.restore(fresh, run.workdir.checkpoints) == 8
  for a, b in zip(fresh.variables, run.trainer.variables, strict=True):
    np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_it_can_be_reported(finished):
  _, run, _, _ = finished
  record = records.record(run.workdir)
  assert record['step'] == 8
  costs = [value for name, value in record.items() if name.endswith(' multiply-adds / dense')]
  assert len(costs) == len(run.trainer.gan.players) and all(0 < cost <= 1 for cost in costs)
  assert records.title(records.main_score(run.workdir)) in record


def test_every_experiment_is_made_of_parts_that_are_run():
  methods = set().union(*(parts(name, 'methods') for name in RUN))
  models = {*test_models.MODELS, 'cycle_gan'}
  for experiment in EXPERIMENTS:
    assert len(parts(experiment, 'methods')) == len(parts(experiment, 'models')) == 1
    assert parts(experiment, 'methods') <= methods
    assert {model.removesuffix('_small') for model in parts(experiment, 'models')} <= models


@pytest.mark.parametrize('experiment', EXPERIMENTS)
def test_a_gin_file_says_where_it_comes_from_and_what_it_needs(experiment):
  head = (ROOT / 'experiments' / experiment).read_text().split('\n\n')[0]
  assert head.startswith('# ')
  assert 'Commonly changed' in head
  assert 'Required' in head or 'Needs no download' in head


@pytest.mark.parametrize('experiment', [
    name for name in EXPERIMENTS
    if 'small' not in name and ('adapt' in name or re.search('stl10|biggan_tiny', name))])
def test_adapt_is_scored_as_it_was_published(experiment):
  configuration.load([configuration.find(experiment)], [])
  made = configuration.make_experiment()
  assert (made.evaluator.batch_statistics, made.evaluator.batch_size, made.evaluator.num_samples) == (True, 100, 50_000)
  assert made.make_trainer().flip
  assert made.procedure.num_steps == (100_000 if 'sngan' in experiment else 200_000)


def test_sngan_starts_as_each_paper_has_it():
  kernels = {}
  for method in ('stugan', 'adapt_relaxed'):
    configuration.load([configuration.find(f'sngan_cifar10_{method}.gin')], [])
    gan = configuration.make_experiment().make_trainer().gan
    gan.build()
    kernels[method] = [abs(network.blocks[1].conv2.kernel.numpy()).max() for network in (gan.generator, gan.discriminator)]
  fan_in = np.array([9 * 256, 9 * 128])
  np.testing.assert_allclose(kernels['stugan'], (6 / (2 * fan_in))**0.5, rtol=1e-2)  # Xavier
  np.testing.assert_allclose(kernels['adapt_relaxed'], fan_in**-0.5, rtol=1e-2)  # PyTorch's own


SETUPS = {'sngan_cifar10_': 'sngan_cifar10', 'biggan_cifar10_': 'biggan_cifar10', 'cyclegan_': 'cyclegan_256',
          'sngan_cifar10_small_': 'sngan_cifar10_small', 'cyclegan_cifar10_small_': 'cyclegan_cifar10_small'} | {
    prefix: f'adapt_{setup}' for setup in ('sngan_cifar10', 'sngan_stl10', 'biggan_cifar10', 'biggan_tiny_imagenet')
    for prefix in (f'{setup}_adapt_', *([] if 'cifar10' in setup else [f'{setup}_']))}


def test_every_setup_has_its_baselines():
  assert {p.stem for p in (ROOT / 'setups').glob('*.gin')} == set(SETUPS.values())
  found = {setup: set() for setup in SETUPS.values()}
  for experiment in EXPERIMENTS:
    setup = re.findall(r"include 'setups/(\w+)\.gin'", (ROOT / 'experiments' / experiment).read_text())
    prefixes = [prefix for prefix in SETUPS if experiment.startswith(prefix)]
    if setup:
      assert setup == [SETUPS[max(prefixes, key=len)]], experiment
      found[setup[0]] |= parts(experiment, 'methods')
  for setup, methods in found.items():
    assert methods == (
        {'dense', 'static', 'sdst_set', 'sdst_rigl', 'adapt_relaxed', 'adapt_strict'} if 'adapt' in setup else
        {'dense', 'static', 'stugan'} if 'cyclegan' in setup else
        {p.stem for p in (ROOT / 'methods').glob('*.gin')} - {'small_dense_cycle_gan'} if 'small' in setup else
        {'dense', 'static', 'stugan', 'prune_and_finetune'}), setup


def test_sizes_come_after_the_method_which_has_an_update_interval_of_its_own():
  for experiment in EXPERIMENTS:
    included = re.findall(r"include '(methods|runs)/(?!train)", (ROOT / 'experiments' / experiment).read_text())
    assert included == sorted(included), experiment
  for experiment in ('sngan_cifar10_small_stugan.gin', 'cyclegan_cifar10_small_stugan.gin'):
    configuration.load([configuration.find(experiment)])
    assert configuration.bindings_of(configuration.snapshot())['UPDATE_INTERVAL'] == '500', experiment


def test_adapts_baselines_are_trained_as_adapt_is():
  for setup in ('biggan_cifar10_adapt', 'sngan_stl10'):
    made = {}
    for method in ('adapt_relaxed', 'static', 'sdst_set'):
      configuration.load([configuration.find(f'{setup.removesuffix("_adapt")}_{method}.gin' if 'adapt_' in method
                                             else f'{setup}_{method}.gin')])
      trainer = configuration.make_experiment().make_trainer()
      average = trainer.averages['generator']
      text = configuration.snapshot()
      made[method] = (trainer.layers.__name__, average.average_buffers, average.start_step,
                      re.findall(r'SpectralNorm\.epsilon = (.+)', text), re.findall(r'Projection\.prunable = (.+)', text))
    assert made['static'] == made['sdst_set'] == made['adapt_relaxed']
    assert made['static'][:3] == ('conv_and_dense', False, 0)
    if 'biggan' in setup:
      assert made['static'][3:] == (['1e-12'], ['False'])


def test_pruning_and_fine_tuning_is_twice_as_long_as_what_it_is_compared_with():
  for model in ('sngan', 'biggan'):
    lengths = {}
    for method in ('dense', 'prune_and_finetune'):
      configuration.load([configuration.find(f'{model}_cifar10_{method}.gin'), *(
          [configuration.find(f'ablations/{a}.gin') for a in ('balanced', 'uniform')] if method != 'dense' else [])])
      made = configuration.make_experiment()
      lengths[method] = made.procedure.num_steps
    assert lengths['prune_and_finetune'] == 2 * lengths['dense']
    for pruning in made.make_trainer().methods.values():
      assert (pruning.prune_step, pruning.across_layers, pruning.density) == (lengths['dense'], False, 0.1)


def test_all_experiments_can_be_made_and_sparse_ones_take_the_same_two_macros():
  for experiment in EXPERIMENTS:
    dense = experiment.endswith('_dense.gin')
    bindings = ['PRUNE_STEP = 10'] if 'finetune' in experiment else []
    if not dense:
      bindings += ['GENERATOR_DENSITY = 0.3', 'DISCRIMINATOR_DENSITY = 0.4']
    configuration.load([configuration.find(experiment)], bindings)
    trainer = configuration.make_experiment().make_trainer()
    densities = {name: method.density for name, method in trainer.methods.items()}
    of_role = {'generator': 0.3, 'discriminator': 0.4}
    assert densities == ({} if dense else {p.name: of_role[p.role] for p in trainer.gan.players}), experiment


@pytest.mark.slow
def test_four_steps_and_four_more_in_a_new_process_equal_eight(cache, tmp_path):
  """Weights, masks and metric rows, bit for bit; the first process is stopped by a signal at step 4 or later."""
  def flags(workdir, *more):
    return [f'--workdir={workdir}', f'--cache_dir={cache}', *more]
  new = ['--gin_file=sngan_cifar10_small_stugan.gin', '--gin_file=runs/tiny.gin', '--gin_file=runs/noise.gin',
         '--gin_param=NUM_STEPS = 12']
  code, output = processes.finish(processes.Fork(flags(tmp_path / 'whole', *new)))
  assert code == 0, output
  process = processes.train(flags(tmp_path / 'parts', *new))
  assert any('step 4/12' in line for line in process.stdout)
  process.terminate()
  code, output = processes.finish(process)
  assert code == 42, output
  stopped = Workdir(tmp_path / 'parts').rows()[-1]['step']
  assert 4 <= stopped < 12
  code, output = processes.finish(processes.Fork(flags(tmp_path / 'parts')))
  assert code == 0, output
  rows = [Workdir(tmp_path / name).metrics.read_text() for name in ('whole', 'parts')]
  assert rows[0] == rows[1]
  readers = [tf.train.load_checkpoint(str(saved_steps.list_checkpoints(tmp_path / name / 'checkpoints')[-1] / 'variables'))
             for name in ('whole', 'parts')]
  names = [set(r.get_variable_to_shape_map()) - {'_CHECKPOINTABLE_OBJECT_GRAPH'} for r in readers]
  assert names[0] == names[1]
  for name in names[0]:
    np.testing.assert_array_equal(readers[0].get_tensor(name), readers[1].get_tensor(name))


def test_growth_by_momentum_is_that_of_all_that_regrow_by_gradient():
  for experiment, growing in (('adapt_relaxed', ['discriminator', 'generator']), ('stugan', ['generator'])):
    configuration.load([configuration.find(f) for f in (
        f'sngan_cifar10_small_{experiment}.gin', 'ablations/grow_by_momentum.gin')])
    methods = configuration.make_experiment().make_trainer().methods
    assert [name for name, method in methods.items() if getattr(method, 'momentum', 0) == 0.9] == growing
  ablation = configuration.find('ablations/grow_by_momentum.gin')
  configuration.load([configuration.find('sngan_cifar10_small_static.gin'), ablation])
  with pytest.raises(errors.UserError, match='changes nothing'):
    configuration.check_in_use(ablation)


# Ablations that set numbers alone: (steps, densities).
NUMBERS = {
    'balanced.gin': (8, {'generator': 0.1, 'discriminator': 0.1}),
    'strong.gin': (8, {'generator': 0.1, 'discriminator': 1.0}),
    'five_times.gin': (40, {'generator': 0.1, 'discriminator': 0.5}),
    'sign_criterion.gin': (8, {'generator': 0.1, 'discriminator': 0.5}),
    'uniform.gin': (8, {'generator': 0.1, 'discriminator': 0.5})}


@pytest.mark.parametrize('ablation', some_slow(
    sorted(p.name for p in (ROOT / 'ablations').glob('*.gin')),
    ('balanced.gin', 'strong.gin')))
def test_an_ablation_changes_stugan(ablation):
  files = ['sngan_cifar10_small_stugan.gin', 'runs/tiny.gin', 'runs/noise.gin', f'ablations/{ablation}']
  configuration.load([configuration.find(f) for f in files[:-1]])
  plain = configuration.snapshot()
  configuration.load([configuration.find(f) for f in files])
  assert configuration.differences(plain, configuration.snapshot())
  made = configuration.make_experiment()
  trainer = made.make_trainer()
  data = {'data': random_images.RandomImages(num_images=16).load()}
  trainer.build({'data': data['data'].image_shape})
  if ablation in NUMBERS:  # what is trained has the same graph as without them
    densities = {name: round(float(masks.density(side.masked)), 2) for name, side in trainer.sides.items()}
    assert (made.procedure.num_steps, densities) == NUMBERS[ablation]
    return
  before = {name: [v.mask.numpy() for v in side.masked] for name, side in trainer.sides.items()}
  trainer.step.assign(1)  # masks change at step 2
  trainer.fit(data, 2)
  assert all(math.isfinite(value) for value in trainer.scalars().values())
  explores = {'explore_both.gin': {'generator', 'discriminator'}, 'explore_discriminator.gin': {'discriminator'}}
  changed = {name for name, side in trainer.sides.items() if any(
      (v.mask.numpy() != old).any() for v, old in zip(side.masked, before[name], strict=True))}
  assert changed == explores.get(ablation, {'generator'})
