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
