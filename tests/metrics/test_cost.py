"""The published tables, from configurations alone."""

import pytest

from tf_stugan import configuration
from tf_stugan.metrics import cost
from tf_stugan.reports import ledger

MEASURED, STUGAN, ADAPT = cost.CONVENTIONS


@pytest.fixture(scope='module')
def ledgers():
  """Ledgers of CIFAR-10 experiments by (convention, method, bindings); networks of full width, nothing trained."""
  made = {}
  def make(convention, experiment, *bindings, model='sngan'):
    key = (convention.name, experiment, *bindings, model)
    if key not in made:
      configuration.load([configuration.find(f'{model}_cifar10_{experiment}.gin')], bindings)
      configured = configuration.make_experiment()
      made[key] = ledger.ledger(configured.make_trainer(), configured.procedure.num_steps, convention)
    return made[key]
  return make


def densities(generator, discriminator):
  return f'GENERATOR_DENSITY = {generator}', f'DISCRIMINATOR_DENSITY = {discriminator}'


@pytest.mark.parametrize('method', ['stugan', 'adapt_relaxed', 'snip'])
def test_a_run_of_any_length_is_added_up_over_changes_of_density(method, monkeypatch):
  file = configuration.find(f'sngan_cifar10_small_{method}.gin')
  configuration.load([file], ['GENERATOR_WIDTH = 8', 'DISCRIMINATOR_WIDTH = 8'])
  trainer = configuration.make_experiment().make_trainer()
  asked = []
  for made in trainer.methods.values():
    monkeypatch.setattr(made, 'is_update_step', lambda step: asked.append(step) or step % 1000 == 0)
  short, long = (ledger.ledger(trainer, steps, MEASURED) for steps in (1000, 100_000_000))
  assert long.training == pytest.approx(1e5 * short.training)
  assert len(asked) < 1000


def test_a_long_gradual_pruning_costs_what_a_short_one_does_in_proportion():
  trained = []
  for steps in (5000, 10_000_000):
    file = configuration.find('sngan_cifar10_small_gmp.gin')
    widths = ('GENERATOR_WIDTH = 8', 'DISCRIMINATOR_WIDTH = 8')
    configuration.load([file], [*widths, f'NUM_STEPS = {steps}', 'UPDATE_INTERVAL = 10'])
    trainer = configuration.make_experiment().make_trainer()
    assert len(trainer.methods['generator'].density_steps()) <= 501
    result = ledger.ledger(trainer, steps, MEASURED)
    trained.append(result.training / result.dense_training)
  assert trained[1] == pytest.approx(trained[0], rel=0.005)


def test_dense_runs_of_adapt(ledgers):
  result = ledgers(ADAPT, 'dense', 'NUM_STEPS = 100_000')
  assert result.training == result.dense_training
  assert result.networks['generator'].parameters == 4_276_739
  # Per image, in the unit of the authors' code.
  assert ADAPT.image(result.networks['generator']) == 1_683_553_280
  assert ADAPT.image(result.networks['discriminator']) == 272_498_816


@pytest.mark.parametrize(('model', 'data', 'steps', 'bindings', 'total', 'balanced', 'strong'), [
    ('sngan', 'cifar10', 100_000, (), 2.67e17, (8.97, 17.08, 26.25, 47.25), (58.29, 60.94, 64.53, 74.61)),
    pytest.param('sngan_48', 'stl10', 100_000, (), 3.94e17, (27.30, 47.14, 59.22, 73.35), (86.12, 86.94, 87.60, 88.84),
                 marks=pytest.mark.slow),
    pytest.param('biggan_32', 'cifar10', 200_000, ('heads.Projection.prunable = False',), 6.81e17,
                 (9.79, 19.02, 28.66, 49.03), (83.78, 84.80, 86.21, 90.15), marks=pytest.mark.slow),
    pytest.param('biggan_64', 'tiny_imagenet', 200_000, (), 9.85e17, (23.25, 44.87, 60.91, 79.29),
                 (48.02, 61.62, 72.79, 85.79), marks=pytest.mark.slow),
])
def test_static_rows_of_adapts_table_3(model, data, steps, bindings, total, balanced, strong):
  files = ('runs/train.gin', f'models/{model}.gin', f'datasets/{data}.gin', 'metrics/inception.gin', 'methods/static.gin')
  configuration.load(
      [configuration.find(f) for f in files],
      [f'NUM_STEPS = {steps}', 'Trainer.layers = @layer_choice.conv_and_dense', *bindings])
  trainer = configuration.make_experiment().make_trainer()

  def percent(generator, discriminator):
    trainer.methods['generator'].density, trainer.methods['discriminator'].density = generator, discriminator
    result = ledger.ledger(trainer, steps, ADAPT)
    assert result.exact
    assert result.dense_training == pytest.approx(total, rel=0.003)
    return 100 * result.training / result.dense_training
  densities = (0.1, 0.2, 0.3, 0.5)
  assert [percent(d, d) for d in densities] == pytest.approx(balanced, abs=0.2)
  assert [percent(d, 1.0) for d in densities] == pytest.approx(strong, abs=0.2)


@pytest.mark.parametrize(('discriminator', 'generator', 'training', 'image'), [
    (0.5, 0.05, 0.23, 0.05), (0.5, 0.1, 0.26, 0.10), (0.5, 0.2, 0.32, 0.20),
    (0.3, 0.05, 0.16, 0.05), (0.3, 0.1, 0.19, 0.10), (0.3, 0.2, 0.25, 0.20)])
@pytest.mark.parametrize('method', ['static', 'stugan'])
def test_normalized_columns_of_stugans_table_2(ledgers, method, discriminator, generator, training, image):
  result = ledgers(STUGAN, method, *densities(generator, discriminator))
  assert result.training / result.dense_training == pytest.approx(training, abs=0.01)
  assert result.images['images'] / result.dense_images['images'] == pytest.approx(image, abs=0.01)


def test_absolute_test_flops_of_stugans_table_2(ledgers):
  assert ledgers(STUGAN, 'dense').images['images'] == pytest.approx(3.36e9, rel=0.001)


@pytest.mark.parametrize(('density', 'training'), [(0.05, 1.06), (0.1, 1.11), (0.2, 1.21)])
def test_prune_and_finetune_in_table_2(ledgers, density, training):
  # The paper's columns count the dense run as one.
  result = ledgers(STUGAN, 'small_prune_and_finetune', f'GENERATOR_DENSITY = {density}', 'PRUNE_STEP = 1000',
                   'NUM_STEPS = 2000')
  assert result.training / (result.dense_training / 2) == pytest.approx(training, abs=0.011)


def test_a_dense_discriminator_is_charged_in_full_where_nothing_was_pruned(ledgers):
  result = ledgers(STUGAN, 'static', *densities(0.1, 1.0))
  # The generator's share of a dense step is 0.60 (8 of its passes against 33 of the discriminator).
  assert result.training / result.dense_training == pytest.approx(0.6 * 0.1024 + 0.4, abs=0.005)


def test_measured_counts_every_pass_once(ledgers):
  result = ledgers(MEASURED, 'dense')
  generator, discriminator = (result.networks[n].multiply_adds for n in ('generator', 'discriminator'))
  forward = 5 * 64 * generator + 128 * generator + 5 * 128 * discriminator + 128 * discriminator
  backward = 2 * 128 * generator + 2 * 5 * 128 * discriminator + 128 * discriminator
  assert result.training == 50_048 * 2 * (forward + backward)


def test_gradual_pruning_is_charged_as_it_falls(ledgers):
  result = ledgers(MEASURED, 'small_gmp')
  # Dense for 10 % of the steps, then a cubic from 1 to 0.1, then 0.1: the mean density of the generator is
  # 0.1 + 0.7 * mean of 1 - 0.9 (1 - (1 - x)^3) + 0.2 * 0.1 with mean (1 - x)^3 = 1/4; sampled from the left, a little more.
  mean = 0.1 + 0.7 * (1 - 0.9 * 0.75) + 0.2 * 0.1
  work = {'generator': 32 + 3 * 32, 'discriminator': 3 * 64 + 2 * 32}
  dense = {name: work[name] * cost_.dense_multiply_adds for name, cost_ in result.networks.items()}
  share = (mean * dense['generator'] + dense['discriminator']) / sum(dense.values())
  assert share < result.training / result.dense_training < share + 0.05
  assert not result.exact


def test_five_times_as_long(ledgers):
  once, five = (ledgers(MEASURED, 'stugan', *bindings) for bindings in ((), ('MULTIPLIER = 5',)))
  assert five.training == pytest.approx(5 * once.training)


def test_five_times_as_long_is_both_phases_of_prune_and_finetune():
  configuration.load([configuration.find(f) for f in (
      'sngan_cifar10_prune_and_finetune.gin', 'ablations/five_times.gin')], ['PRUNE_STEP = 30', 'NUM_STEPS = 70'])
  made = configuration.make_experiment()
  assert (made.procedure.num_steps, {m.prune_step for m in made.make_trainer().methods.values()}) == (350, {150})


@pytest.mark.slow
def test_small_dense_is_measured_against_its_full_width(ledgers):
  result = ledgers(MEASURED, 'small_small_dense', *densities(0.1, 1.0))
  kernels = [layer for layer in result.networks['generator'].layers if len(layer.shape) == 4]
  sparse = ledgers(MEASURED, 'small_static', *densities(0.1, 1.0)).networks['generator']
  budget = 0.1 * sparse.masked_parameters
  assert 0.9 * budget < sum(layer.parameters for layer in kernels) <= budget
  assert result.dense_training == ledgers(MEASURED, 'small_static', *densities(0.1, 1.0)).dense_training
  assert result.training < 0.5 * result.dense_training


@pytest.mark.parametrize(('discriminator', 'generator', 'training'), [
    (0.5, 0.05, 0.37), (0.5, 0.1, 0.39), (0.5, 0.2, 0.41), (0.3, 0.05, 0.23), (0.3, 0.1, 0.25), (0.3, 0.2, 0.27)])
def test_biggan_columns_of_stugans_table_2(ledgers, discriminator, generator, training):
  result = ledgers(STUGAN, 'static', *densities(generator, discriminator), model='biggan')
  assert result.training / result.dense_training == pytest.approx(training, abs=0.01)
  assert result.dense_training == pytest.approx(2.05e18, rel=0.003)
