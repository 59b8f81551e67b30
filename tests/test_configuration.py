"""What gin bindings reach, and how files are found."""

import pathlib

import pytest

from tf_stugan import configuration
from tf_stugan import errors
from tf_stugan.sparsity import distributions
from tf_stugan.sparsity import masks
from tf_stugan.sparsity import schedules
from tf_stugan.sparsity import scores
from tf_stugan.training import layer_choice


def made(*bindings, experiment='sngan_cifar10_stugan.gin'):
  configuration.load([configuration.find(experiment)], bindings)
  return configuration.make_experiment()


def made_trainer(*bindings, **kwargs):
  return configuration.build_configured(made(*bindings, **kwargs).make_trainer)


def test_the_paper_s_numbers_of_sngan_on_cifar10():
  experiment = made()
  trainer = experiment.make_trainer()
  assert experiment.procedure.num_steps == 50_048
  assert [(p.batch_size, p.updates_per_step) for p in trainer.gan.turns] == [(64, 5), (128, 1)]
  for optimizer in trainer.optimizers.values():
    config = optimizer.get_config()
    assert [config[k] for k in ('learning_rate', 'beta_1', 'beta_2', 'epsilon')] == pytest.approx([2e-4, 0, 0.9, 1e-8])
  assert trainer.averages['generator'].decay == 0.999
  schedule = trainer.methods['generator'].schedule
  assert (schedule.update_interval, schedule.initial_fraction, schedule.total_steps) == (1000, 0.5, 50_048)
  assert experiment.evaluator.num_samples == 50_000
  assert not trainer.flip


def test_the_paper_s_numbers_of_biggan():
  experiment = made(experiment='biggan_cifar10_stugan.gin')
  trainer = experiment.make_trainer()
  assert experiment.procedure.num_steps == 125_000
  assert [(p.batch_size, p.updates_per_step) for p in trainer.gan.turns] == [(50, 4), (50, 1)]
  assert trainer.optimizers['generator'].get_config()['beta_2'] == pytest.approx(0.999)
  assert (trainer.averages['generator'].decay, trainer.averages['generator'].start_step) == (0.9999, 1000)
  assert trainer.methods['generator'].schedule.update_interval == 500
  assert experiment.evaluator.batch_statistics


@pytest.mark.parametrize('name, cap, interval', [('relaxed', 1.0, 1000), ('strict', 0.5, 2000)])
def test_the_paper_s_numbers_of_adapt(name, cap, interval):
  experiment = made(experiment=f'sngan_cifar10_adapt_{name}.gin')
  trainer = experiment.make_trainer()
  generator, discriminator = (trainer.methods[p] for p in ('generator', 'discriminator'))
  assert experiment.procedure.num_steps == 100_000
  assert (generator.schedule.update_interval, generator.across_layers) == (500, True)
  assert (discriminator.schedule.update_interval, discriminator.increment, discriminator.floor, discriminator.cap) == (
      interval, 0.05, 0.05, cap)
  assert (discriminator.lower_bound, discriminator.upper_bound) == (0.45, 0.55)
  assert discriminator.density == generator.density == 0.1
  assert [float(discriminator.schedule.drop_fraction(step)) for step in (0, 100_000)] == pytest.approx([0.5, 0.005])
  balance = trainer.balance['balance_ratio']
  assert (balance.interval, balance.window, balance.estimate.__name__) == (10, 100, 'mean_of_ratios')
  assert not trainer.averages['generator'].restart_regrown


def test_every_choice_where_paper_and_code_differ_is_a_binding():
  trainer = made(
      'Trainer.layers = @layer_choice.conv_and_dense', 'DynamicSparse.across_layers = True',
      'DynamicSparse.regrow_dropped = False', 'DynamicSparse.reset_optimizer_state = True',
      'DynamicSparse.grow_score = @scores.random', 'DynamicSparse.distribution = @distributions.uniform',
      'StaticSparse.sample_mask = @masks.bernoulli_mask', 'UpdateSchedule.decay = @schedules.linear',
      'UpdateSchedule.end_step = 30_000', 'SparseEMA.restart_regrown = False',
      'SparseEMA.average_buffers = False').make_trainer()
  method = trainer.methods['generator']
  assert trainer.layers.__name__ == layer_choice.conv_and_dense.__name__  # gin wraps what it injects
  assert (method.across_layers, method.regrow_dropped, method.reset_optimizer_state) == (True, False, True)
  assert method.grow_score.__name__ == scores.random.__name__
  assert method.distribution.__name__ == distributions.uniform.__name__
  assert trainer.methods['discriminator'].sample_mask.__name__ == masks.bernoulli_mask.__name__
  assert method.schedule.decay.__name__ == schedules.linear.__name__
  assert method.schedule.end_step == 30_000
  average = trainer.averages['generator']
  assert (average.restart_regrown, average.average_buffers) == (False, False)


def test_a_scope_reaches_one_player_only():
  bindings = ('discriminator/optimizers.Adam.learning_rate = 4e-4', 'generator/DynamicSparse.density = 0.05')
  trainer = made(*bindings).make_trainer()
  assert trainer.optimizers['discriminator'].get_config()['learning_rate'] == pytest.approx(4e-4)
  assert trainer.optimizers['generator'].get_config()['learning_rate'] == pytest.approx(2e-4)
  assert (trainer.methods['generator'].density, trainer.methods['discriminator'].density) == (0.05, 0.5)


def test_a_snapshot_can_be_loaded_again(tmp_path):
  made('GENERATOR_DENSITY = 0.3')
  text = configuration.snapshot()
  (tmp_path / 'config.gin').write_text(text)
  configuration.load([tmp_path / 'config.gin'])
  assert configuration.differences(text, configuration.snapshot()) == []
  assert configuration.make_experiment().make_trainer().methods['generator'].density == 0.3


def test_differences_name_both_values():
  assert configuration.differences('A = 1\nB = \\\n    [1,\n     2]\n', 'A = 2\nB = [1,2]\nC = 3\n') == [
      'A: 1 -> 2', 'C: (unset) -> 3']


@pytest.mark.parametrize('name', [
    'quickstart.gin', 'experiments/quickstart.gin', 'gin_configs/experiments/quickstart.gin'])
def test_files_are_found_from_any_folder(name, tmp_path, monkeypatch):
  (tmp_path / 'runs').mkdir()  # must not be taken for a package that holds runs/train.gin
  monkeypatch.chdir(tmp_path)
  configuration.load([configuration.find(name)])


def test_a_file_that_is_not_there():
  with pytest.raises(errors.UserError, match='no_such.gin.*tf-stugan list experiments'):
    configuration.find('no_such.gin')


def test_differences_name_the_binding_that_differs_and_no_neighbour():
  first = 'a.A.x = 1\n\n# Parameters for b.B:\n# ====\nb.B.y = \\\n    2\nb.B.z = 3\n'
  second = 'a.A.x = 1\n\n# Parameters for c.C:\n# ====\nb.B.y = \\\n    5\nb.B.z = 3\n'
  assert configuration.differences(first, second) == ['b.B.y: 2 -> 5']


@pytest.mark.parametrize('binding, message', [
    ('GENERATOR_WIDTH = 0', 'Generator.width is a whole number, at least 1; got 0'),
    ('DISCRIMINATOR_WIDTH = -1', 'Discriminator.width'), ('LATENT_SIZE = 0', 'Generator.latent_size'),
    ('IMAGE_CHANNELS = 0', 'Digits.channels'), ('GENERATOR_BATCH = 0', 'generator_batch_size'),
    ('DISCRIMINATOR_BATCH = 2.5', 'discriminator_batch_size is a whole number, from 1 to 1048576; got 2.5'),
    ('DISCRIMINATOR_UPDATES = 0', 'discriminator_updates'), ('NUM_STEPS = 0', 'num_steps'), ('NUM_STEPS = -5', 'num_steps'),
    ("NUM_STEPS = 'many'", "num_steps is a whole number, at least 1; got 'many'"), ('MULTIPLIER = 0', 'multiplier'),
    ('SEED = -1', 'Trainer.seed'), ('SEED = 4294967296', 'Trainer.seed is a whole number, from 0 to 4294967295'),
    ('NUM_SAMPLES = 0', 'Evaluator.num_samples'), ('Evaluator.batch_size = 0', 'Evaluator.batch_size'),
    ('UPDATE_INTERVAL = 0', 'update_interval'), ('DROP_FRACTION = 2', 'initial_fraction is a number in .0, 1.; got 2'),
    ('BALANCE_INTERVAL = 0', 'BalanceRatio.interval'), ('BALANCE_WINDOW = 0', 'BalanceRatio.window'),
    ('GENERATOR_DENSITY = 0', 'share of weights kept'), ('DISCRIMINATOR_DENSITY = 1.01', 'share of weights kept'),
    ("GENERATOR_DENSITY = 'a'", "DynamicSparse.density is a number; got 'a'"), ('EMA_DECAY = 1', 'SparseEMA.decay'),
    ('EMA_START = -1', 'SparseEMA.start_step'), ('Train.evaluate_interval = 0', 'Train.evaluate_interval'),
    ('Train.report_interval = 0', 'Train.report_interval'), ('Train.keep_every = -1', 'Train.keep_every'),
    ('Classifier.steps = 0', 'Classifier.steps'), ('Trainer.steps_per_call = 0', 'Trainer.steps_per_call'),
])
def test_numbers_that_make_no_sense_are_refused_by_name(binding, message):
  with pytest.raises(errors.UserError, match=message) as raised:
    made_trainer(binding, experiment='quickstart.gin')
  assert raised.value.exit_code == 2


@pytest.mark.parametrize('experiment, binding, message', [
    ('dcgan_cifar10_dense.gin', 'GENERATOR_WIDTH = 0', 'Generator.width'),
    ('dcgan_cifar10_dense.gin', 'DISCRIMINATOR_WIDTH = 0', 'Discriminator.width'),
    ('autogan_a_cifar10_dense.gin', 'LATENT_SIZE = 0', 'Generator.latent_size'),
    ('diffaug_gan_cifar10_dense.gin', 'DiffAugment.cutout = 2', 'DiffAugment.cutout'),
    ('sngan_cifar10_small_gmp.gin', 'UPDATE_INTERVAL = 0', 'GradualPruning.update_interval'),
    ('sngan_cifar10_small_prune_and_finetune.gin', 'PRUNE_STEP = -1', 'prune_step is a whole number'),
    ('sngan_cifar10_small_small_dense.gin', 'GENERATOR_DENSITY = 0', 'share of weights kept'),
])
def test_so_are_those_of_other_parts(experiment, binding, message):
  with pytest.raises(errors.UserError, match=message):
    made_trainer(binding, experiment=experiment)


def test_a_whole_number_may_be_written_with_an_exponent():
  assert made('NUM_STEPS = 1e5').procedure.num_steps == 100_000


@pytest.mark.parametrize('binding, hint', [
    ('GENERATOR_DENSTY = 0.1', 'GENERATOR_DENSITY'), ('Trainr.seed = 1', 'Trainer'), ('Trainer.sed = 1', 'seed'),
    ('generator/DynamicSparse.densty = 0.1', 'density')])
def test_the_nearest_name_is_suggested(binding, hint):
  with pytest.raises(errors.UserError, match=f'Did you mean {hint}[?]'):
    made(binding)


@pytest.mark.parametrize('name, hint', [
    ('sngan_cifar_stugan.gin', 'sngan_cifar10_stugan.gin'), ('ablation/strong.gin', 'ablations/strong.gin')])
def test_the_nearest_file_is_suggested(name, hint):
  with pytest.raises(errors.UserError, match=f'Did you mean {hint}[?]'):
    configuration.find(name)


@pytest.mark.parametrize('binding, message', [
    ('Trainer.layers = 5', 'Trainer.layers is a function'),
    ('Experiment.trainer = None', 'Experiment.trainer is a function'),
    ('Experiment.data = @fid.fid', 'Experiment.data is a dictionary'), ('METHOD = 5', 'Trainer.label is a text; got 5'),
    ('Evaluator.metrics = [5]', 'Evaluator.metrics is a list'), ("Evaluator.metrics = 'a'", 'Evaluator.metrics is a list'),
    ('Trainer.methods = {"generator": 5}', 'Trainer.methods is a dictionary, each value a function'),
    ('FLIP = 2', 'Trainer.flip is True or False; got 2 from %FLIP'), ('ADAM_EPSILON = None', 'Adam.epsilon is a number'),
    ("GENERATOR_LEARNING_RATE = [1e-4]", 'Adam.learning_rate is a number'),
    ('GENERATOR = @optimizers.Adam', 'make_generator is a function'), ('Trainer.gan = 5', 'Trainer.gan is a GAN'),
    ('resnet.Generator.style = 5', 'Generator.style is a LayerStyle'),
    ('DynamicSparse.drop_score = @optimizers.Adam', 'DynamicSparse.drop_score is a function'),
    ('LayerStyle.conv_initializer = 5', 'conv_initializer is a text or a type')])
def test_what_is_bound_has_to_be_of_the_kind_that_is_asked_for(binding, message):
  with pytest.raises(errors.UserError, match=message):
    made_trainer(binding, experiment='quickstart.gin')


@pytest.mark.parametrize('binding', [
    'Trainer.balance = None', 'FLIP = True', 'FLIP = 1', 'EMA_DECAY = 0', 'NoiseToImage.accumulation_steps = 2',
    'LayerStyle.conv_initializer = @initializers.Orthogonal', "LayerStyle.conv_initializer = 'zeros'",
    'resnet.Generator.multipliers = [1, 1, 1, 1]', 'SparseEMA.restart_regrown = False'])
def test_and_what_is_of_that_kind_is_taken(binding, tmp_path):
  file = tmp_path / 'more.gin'
  file.write_text('from __gin__ import dynamic_registration\nfrom tf_keras import initializers\n'
                  'from tf_keras import optimizers\nfrom tf_stugan.layers import style\n'
                  'style.LayerStyle.gamma_stddev = 0.02\n'
                  'initializers.Orthogonal.gain = 1.0\n')
  configuration.load([configuration.find('quickstart.gin'), file], [binding])
  configuration.make_experiment()


@pytest.mark.parametrize('files, message', [
    (['runs/train.gin'], "NUM_STEPS has to be set, and nothing sets it: --gin_param='NUM_STEPS = ...'"),
    (['methods/stugan.gin'], 'TOTAL_STEPS is asked for, and nothing in this experiment sets it.'),
    (['datasets/digits.gin'],
     "Experiment needs 'trainer', 'evaluator', and 'procedure', which nothing in this experiment sets.")])
def test_what_is_missing_is_told_in_our_words(files, message):
  with pytest.raises(errors.UserError) as raised:
    configuration.load([configuration.find(f) for f in files])
    configuration.make_experiment()
  assert str(raised.value).split('\n  In call')[0] == message


@pytest.mark.parametrize('text, message', [
    ('trainer.Trainr.seed = 1', "x.gin, line 3: there is no trainer.Trainr: tf_stugan.training.trainer has no 'Trainr'."),
    ('trainer.Trainer.sed = 1', "x.gin, line 3: trainer.Trainer has no parameter 'sed'."),
    ('train.Train.num_steps = 1', "x.gin, line 3: 'train' is imported nowhere in this file."),
    ('SEED = @train.Train()', "x.gin, line 3: 'train' is imported nowhere in this file.")])
def test_what_is_wrong_in_a_file_is_told_with_its_line(text, message, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  (tmp_path / 'x.gin').write_text(
      f'from __gin__ import dynamic_registration\nfrom tf_stugan.training import trainer\n{text}\n')
  with pytest.raises(errors.UserError) as raised:
    configuration.load([pathlib.Path('x.gin')])
  assert str(raised.value) == message


def test_what_a_later_file_has_replaced_is_idle():
  names = ['sngan_cifar10_small_stugan.gin', 'datasets/image_folder.gin', 'runs/tiny.gin', 'runs/noise.gin']
  files = [configuration.find(name) for name in names]
  folder = ["IMAGE_FOLDER = '/x'"]
  configuration.load(files[:3], folder)
  assert not any(map(configuration.idle_parameters, files[1:3]))
  assert not configuration.is_idle(*folder)
  configuration.load(files, folder)
  assert configuration.idle_parameters(files[1]) == ['ImageFolder.channels', 'ImageFolder.path', 'ImageFolder.resolution']
  assert not any(map(configuration.idle_parameters, files[2:]))
  assert configuration.is_idle(*folder) and configuration.is_idle('ImageFolder.resolution = 3')
  assert not configuration.is_idle('GENERATOR_DENSITY = 0.1') and not configuration.is_idle('DynamicSparse.density = 0.1')


def test_tiny_keeps_the_data_and_the_scores_of_an_experiment():
  files = [configuration.find(name) for name in ('sngan_cifar10_stugan.gin', 'runs/tiny.gin')]
  configuration.load(files[:1])
  before = configuration.make_experiment()
  configuration.load(files)
  after = configuration.make_experiment()
  assert type(after.data) is type(before.data) and type(after.evaluator.extractor) is type(before.evaluator.extractor)
  assert not configuration.idle_parameters(files[1])
