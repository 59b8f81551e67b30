import numpy as np
import pytest

from tf_stugan import errors
from tf_stugan.training.learning_rates import ConstantThenLinear


def test_half_of_the_run_is_constant_and_the_end_is_zero():
  rate = ConstantThenLinear(2e-4, 200)
  rates = [rate(step) for step in (0, 50, 100, 150, 175, 200)]
  np.testing.assert_allclose(rates, [2e-4, 2e-4, 2e-4, 1e-4, 5e-5, 0], atol=1e-10)


def test_a_run_that_is_constant_to_its_end_is_refused():
  with pytest.raises(errors.UserError, match='ConstantThenLinear.constant'):
    ConstantThenLinear(2e-4, 200, 1.0)
