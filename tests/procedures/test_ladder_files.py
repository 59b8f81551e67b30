"""The files of gin_configs/procedures: each goes on top of any dense experiment, and says what its paper does."""

import json

import numpy as np
import pytest

from tests.procedures import test_channels
from tests.procedures import test_ladder
from tf_stugan import cli
from tf_stugan import configuration
from tf_stugan import errors
from tf_stugan import gin_changes
from tf_stugan.procedures.procedure import Run
from tf_stugan.training.workdir import Workdir

BOTH = ('generator', 'discriminator')
INITIAL, DENSE = ('initial', 'initial'), ('initial', 'dense')
PREVIOUS, REWIND = ('previous', 'previous'), ('rewind', 'rewind')
# (class of the masks, of which run, start of generator and discriminator, pruned, whether rounds need one another)
PROCEDURES = {
    'imp_g': ('Magnitude', 'previous', INITIAL, ('generator',), True),
    'imp_gd': ('Magnitude', 'previous', INITIAL, BOTH, True),
    'imp_g_f': ('Magnitude', 'previous', DENSE, ('generator',), True),
    'imp_gd_f': ('Magnitude', 'previous', DENSE, BOTH, True),
    'imp_gd_kd': ('Magnitude', 'previous', INITIAL, BOTH, True),
    'omp_g': ('Magnitude', 'dense', INITIAL, ('generator',), False),
    'omp_gd': ('Magnitude', 'dense', INITIAL, BOTH, False),
    'random_pruning': ('Random', '', INITIAL, ('generator',), False),
    'random_tickets': ('Taken', 'source', INITIAL, ('generator',), False),
    'transfer': ('Taken', 'source', INITIAL, ('generator',), False),
    'late_rewinding': ('Magnitude', 'previous', REWIND, ('generator',), True),
    'standard_pruning': ('Magnitude', 'previous', PREVIOUS, ('generator',), True),
}


def load(experiment, procedure, *bindings):
  if procedure in ('random_tickets', 'transfer'):
    bindings = ("TICKETS = 'somewhere'", *bindings)
  configuration.load([configuration.find(f) for f in (experiment, f'procedures/{procedure}.gin')], bindings)
  return configuration.make_experiment()


def test_every_file_is_held_to_its_paper():
  found = {p.stem for p in (configuration.config_root() / 'procedures').glob('*.gin')}
  assert found == {*PROCEDURES, *test_channels.PROCEDURES, 'ticket'}


@pytest.mark.parametrize('name', PROCEDURES)
def test_a_procedure_is_what_its_paper_says(name):
  made = load('sagan_cifar10_dense.gin', name).procedure
  assert (type(made.masks).__name__, made.masks.of, (made.start['generator'], made.start['discriminator']), made.pruned,
          made.is_cumulative) == PROCEDURES[name]
  assert made.distillation == (1.0 if name.endswith('kd') else 0.0)
  assert made.initial_seed == (42 if name == 'random_tickets' else None)
  assert made.rewind_step == (5000 if name == 'late_rewinding' else 0)
  assert (made.rounds, made.rate) == (10, 0.2)


@pytest.mark.parametrize('name', PROCEDURES)
def test_stages_are_dense_and_ten_rounds_each_with_its_density(name):
  experiment = load('sngan_cifar10_small_dense.gin', name)
  stages = experiment.stages()
  assert [stage.name for stage in stages] == ['dense', *(f'round-{i:02d}' for i in range(1, 11))]
  dense, last = stages[0].make_trainer(), stages[-1].make_trainer()
  assert not dense.methods and dense.label == 'dense'
  assert {player: method.density for player, method in last.methods.items()} == dict.fromkeys(
      PROCEDURES[name][3], pytest.approx(0.8**10))
  assert ('distillation' in last.gan.turns[0].scalars) == name.endswith('kd')
  assert 'distillation' not in dense.gan.turns[0].scalars
  assert 'dense' not in [stage.name for stage in load('sngan_cifar10_small_dense.gin', name, "DENSE = 'x'").stages()]


@pytest.mark.parametrize('name', sorted(set(PROCEDURES) - {'imp_gd_kd'}))
def test_cyclegan_has_masks_of_each_generator(name):
  trainer = load('cyclegan_cifar10_small_dense.gin', name).stages()[3].make_trainer()
  generators, discriminators = {'a_to_b', 'b_to_a'}, {'discriminator_a', 'discriminator_b'}
  assert set(trainer.methods) == generators | (discriminators if PROCEDURES[name][3] == BOTH else set())


def test_cyclegan_has_nobody_to_teach():
  with pytest.raises(errors.UserError, match='CycleGAN has nobody who could learn from a teacher'):
    load('cyclegan_cifar10_small_dense.gin', 'imp_gd_kd').stages()[1].make_trainer()
  experiment = load('cyclegan_cifar10_small_dense.gin', 'imp_gd_kd')
  dense = experiment.stages()[0]
  with pytest.raises(errors.UserError, match='CycleGAN has nobody'):  # and not after the dense run
    experiment.procedure.check(dense.make_trainer(), dense)


@pytest.mark.parametrize('procedure,start', [
    ('imp_gd', 'initial'), pytest.param('omp_g', 'dense', marks=pytest.mark.slow)])
def test_each_translator_of_cyclegan_is_pruned_by_itself(procedure, start, tmp_path):
  files = ('cyclegan_horse2zebra_dense.gin', f'procedures/{procedure}.gin', 'runs/tiny_cycle_gan.gin')
  configuration.load([configuration.find(f) for f in files], [f"DISCRIMINATOR_START = '{start}'", 'ROUNDS = 1'])
  experiment = configuration.make_experiment()
  experiment.procedure.train = shaken = test_ladder.Shaken(2)
  for stage in experiment.stages():
    trainer = stage.make_trainer()
    data = experiment.build(trainer)
    run = Run(Workdir(tmp_path, create=True).stage(stage.name), data, trainer, None)
    experiment.procedure.run(run, stage._replace(num_steps=2), tmp_path)
  dense, state = test_ladder.end(tmp_path / 'dense'), shaken.begun['round-01'].state
  for player in ('a_to_b', 'b_to_a', *(('discriminator_a', 'discriminator_b') if procedure == 'imp_gd' else ())):
    kept = test_ladder.masks_of(state, player)
    values = {name: abs(dense[f'weights/{player}/{name}/kernel']) for name in kept}
    size = sum(v.size for v in values.values())
    threshold = np.sort(np.concatenate([v.ravel() for v in values.values()]))[round(0.2 * size)]
    for name, mask in kept.items():
      np.testing.assert_array_equal(mask, values[name] >= threshold, err_msg=f'{player} {name}')
  names = [name for name in dense if name.startswith('weights/discriminator_a/')]
  assert all((state[name] == dense[name]).all() for name in names) == (start == 'dense')


def test_the_last_round_is_what_costs_are_told_of():
  experiment = load('sngan_cifar10_small_dense.gin', 'imp_g')
  assert experiment.make_trainer().methods['generator'].density == pytest.approx(0.8**10)


def test_what_a_whole_ladder_costs_is_told_beforehand(capsys):
  files = [f'--gin_file={f}' for f in ('sngan_cifar10_small_dense.gin', 'procedures/imp_g.gin')]
  assert cli.main(['tf-stugan', 'flops', *files, '--json', '--gin_param=ROUNDS = 2']) == 0
  two = json.loads(capsys.readouterr().out)
  assert two['generator']['density'] == pytest.approx(0.64, abs=1e-3)
  dense = two['training_flops'] / two['training_flops_vs_dense']
  assert dense + two['training_flops'] < two['all_stages_training_flops'] - two['training_flops'] < 2 * dense
  assert cli.main(['tf-stugan', 'flops', files[0], '--json']) == 0
  assert 'all_stages_training_flops' not in json.loads(capsys.readouterr().out)


def test_a_ladder_may_get_more_rounds_and_nothing_else_that_its_masks_came_from():
  def text(*bindings):
    load('sngan_cifar10_small_dense.gin', 'imp_g', *bindings)
    return configuration.snapshot()
  assert gin_changes.without_effect(text(), text('ROUNDS = 12')) == []
  for binding in ('RATE = 0.5', "GENERATOR_START = 'previous'", 'INITIAL_SEED = 3', "Magnitude.weights = 'raw'"):
    assert gin_changes.without_effect(text(), text(binding)), binding
