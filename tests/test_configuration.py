"""What gin bindings reach, and how files are found."""

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


def test_the_paper_s_numbers_of_sngan_on_cifar10():
  experiment = made()
  trainer = experiment.trainer
  assert experiment.procedure.num_steps == 50_048
  assert [(p.batch_size, p.updates_per_step) for p in trainer.gan.players] == [(64, 5), (128, 1)]
  for optimizer in trainer.optimizers.values():
    config = optimizer.get_config()
    assert [config[k] for k in ('learning_rate', 'beta_1', 'beta_2', 'epsilon')] == pytest.approx([2e-4, 0, 0.9, 1e-8])
  assert trainer.average.decay == 0.999
  schedule = trainer.methods['generator'].schedule
  assert (schedule.update_interval, schedule.initial_fraction, schedule.total_steps) == (1000, 0.5, 50_048)
  assert experiment.evaluator.num_samples == 50_000
  assert not trainer.flip


def test_the_paper_s_numbers_of_biggan():
  experiment = made(experiment='biggan_cifar10_stugan.gin')
  trainer = experiment.trainer
  assert experiment.procedure.num_steps == 125_000
  assert [(p.batch_size, p.updates_per_step) for p in trainer.gan.players] == [(50, 4), (50, 1)]
  assert trainer.optimizers['generator'].get_config()['beta_2'] == pytest.approx(0.999)
  assert (trainer.average.decay, trainer.average.start_step) == (0.9999, 1000)
  assert trainer.methods['generator'].schedule.update_interval == 500
  assert experiment.evaluator.batch_statistics


@pytest.mark.parametrize('name, cap, interval', [('relaxed', 1.0, 1000), ('strict', 0.5, 2000)])
def test_the_paper_s_numbers_of_adapt(name, cap, interval):
  experiment = made(experiment=f'sngan_cifar10_adapt_{name}.gin')
  generator, discriminator = (experiment.trainer.methods[p] for p in ('generator', 'discriminator'))
  assert experiment.procedure.num_steps == 100_000
  assert (generator.schedule.update_interval, generator.across_layers) == (500, True)
  assert (discriminator.schedule.update_interval, discriminator.increment, discriminator.floor, discriminator.cap) == (
      interval, 0.05, 0.05, cap)
  assert (discriminator.lower_bound, discriminator.upper_bound) == (0.45, 0.55)
  assert discriminator.density == generator.density == 0.1
  assert [float(discriminator.schedule.drop_fraction(step)) for step in (0, 100_000)] == pytest.approx([0.5, 0.005])
  balance = experiment.trainer.balance
  assert (balance.interval, balance.window, balance.estimate.__name__) == (10, 100, 'mean_of_ratios')
  assert not experiment.trainer.average.restart_regrown


def test_every_choice_where_paper_and_code_differ_is_a_binding():
  trainer = made(
      'Trainer.layers = @layer_choice.conv_and_dense', 'DynamicSparse.across_layers = True',
      'DynamicSparse.regrow_dropped = False', 'DynamicSparse.reset_optimizer_state = True',
      'DynamicSparse.grow_score = @scores.random', 'DynamicSparse.distribution = @distributions.uniform',
      'StaticSparse.sample_mask = @masks.bernoulli_mask', 'UpdateSchedule.decay = @schedules.linear',
      'UpdateSchedule.end_step = 30_000', 'SparseEMA.restart_regrown = False', 'SparseEMA.average_buffers = False').trainer
  method = trainer.methods['generator']
  assert trainer.layers.__name__ == layer_choice.conv_and_dense.__name__  # gin wraps what it injects
  assert (method.across_layers, method.regrow_dropped, method.reset_optimizer_state) == (True, False, True)
  assert method.grow_score.__name__ == scores.random.__name__
  assert method.distribution.__name__ == distributions.uniform.__name__
  assert trainer.methods['discriminator'].sample_mask.__name__ == masks.bernoulli_mask.__name__
  assert method.schedule.decay.__name__ == schedules.linear.__name__
  assert method.schedule.end_step == 30_000
  assert (trainer.average.restart_regrown, trainer.average.average_buffers) == (False, False)


def test_a_scope_reaches_one_player_only():
  trainer = made('discriminator/optimizers.Adam.learning_rate = 4e-4', 'generator/DynamicSparse.density = 0.05').trainer
  assert trainer.optimizers['discriminator'].get_config()['learning_rate'] == pytest.approx(4e-4)
  assert trainer.optimizers['generator'].get_config()['learning_rate'] == pytest.approx(2e-4)
  assert (trainer.methods['generator'].density, trainer.methods['discriminator'].density) == (0.05, 0.5)


def test_a_snapshot_can_be_loaded_again(tmp_path):
  made('GENERATOR_DENSITY = 0.3')
  text = configuration.snapshot()
  (tmp_path / 'config.gin').write_text(text)
  configuration.load([tmp_path / 'config.gin'])
  assert configuration.differences(text, configuration.snapshot()) == []
  assert configuration.make_experiment().trainer.methods['generator'].density == 0.3


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
  with pytest.raises(errors.UserError, match='no_such.gin.*quickstart.gin'):
    configuration.find('no_such.gin')


def test_differences_name_the_binding_that_differs_and_no_neighbour():
  first = 'a.A.x = 1\n\n# Parameters for b.B:\n# ====\nb.B.y = \\\n    2\nb.B.z = 3\n'
  second = 'a.A.x = 1\n\n# Parameters for c.C:\n# ====\nb.B.y = \\\n    5\nb.B.z = 3\n'
  assert configuration.differences(first, second) == ['b.B.y: 2 -> 5']
