import pathlib
import re

import numpy as np
import pytest

from tf_stugan import configuration
from tf_stugan import errors
from tf_stugan.compat import keras
from tf_stugan.training.learning_rates import ConstantThenLinear


def test_half_of_the_run_is_constant_and_the_end_is_zero():
  rate = ConstantThenLinear(2e-4, 200)
  rates = [rate(step) for step in (0, 50, 100, 150, 175, 200)]
  np.testing.assert_allclose(rates, [2e-4, 2e-4, 2e-4, 1e-4, 5e-5, 0], atol=1e-10)


def test_a_run_that_is_constant_to_its_end_is_refused():
  with pytest.raises(errors.UserError, match='ConstantThenLinear.constant'):
    ConstantThenLinear(2e-4, 200, 1.0)


@pytest.mark.parametrize(('player', 'first'), [('b_to_a', 0.1), ('discriminator_b', 0.3)])
def test_the_rates_of_a_configured_cycle_gan_fall_to_zero_over_the_second_half(player, first):
  bindings = ['NUM_STEPS = 100', 'GENERATOR_LEARNING_RATE = 0.1', 'DISCRIMINATOR_LEARNING_RATE = 0.3']
  configuration.load([configuration.find('cyclegan_cifar10_small_stugan.gin')], [*bindings, 'UPDATE_INTERVAL = 10'])
  optimizer = configuration.make_experiment().make_trainer().optimizers[player]
  rate = keras.optimizers.schedules.deserialize(
      optimizer.get_config()['learning_rate'], {'ConstantThenLinear': ConstantThenLinear})
  np.testing.assert_allclose([rate(step) for step in (0, 50, 75, 100)], [first, first, first / 2, 0], atol=1e-7)


def test_the_lines_of_the_documentation_do_it_in_a_game_that_has_none(tmp_path):
  text = (pathlib.Path(__file__).parents[2] / 'docs' / 'training.md').read_text()
  (tmp_path / 'falling.gin').write_text(re.search(r'```\n(from __gin__.*?ConstantThenLinear.*?)```', text, re.DOTALL)[1])
  files = [configuration.find('quickstart.gin'), tmp_path / 'falling.gin']
  configuration.load(files, ['NUM_STEPS = 100', 'GENERATOR_LEARNING_RATE = 0.1', 'UPDATE_INTERVAL = 10'])
  configuration.check_in_use(files[1])
  optimizers = configuration.make_experiment().make_trainer().optimizers
  rate = keras.optimizers.schedules.deserialize(
      optimizers['generator'].get_config()['learning_rate'], {'ConstantThenLinear': ConstantThenLinear})
  np.testing.assert_allclose([rate(step) for step in (0, 50, 75, 100)], [0.1, 0.1, 0.05, 0], atol=1e-7)
  assert not isinstance(optimizers['discriminator'].get_config()['learning_rate'], dict)
