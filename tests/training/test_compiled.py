"""The whole step, mask updates and all, as one program of static shapes without a way back to the host: what a TPU runs."""

import numpy as np
import pytest

from tests import tiny
from tf_stugan import errors
from tf_stugan.metrics import balance_ratio
from tf_stugan.sparsity import adaptive_density
from tf_stugan.sparsity import dynamic_sparse
from tf_stugan.sparsity import schedules
from tf_stugan.sparsity import scores
from tf_stugan.training import strategies

def after_three_steps(compiled):
  """A trainer that draws, measures, rewires layer by layer and over all layers, and changes a density, in every step."""
  schedule = schedules.UpdateSchedule(100, 1)
  trainer = tiny.make_trainer(jit_compile=compiled, balance=balance_ratio.BalanceRatio(interval=1, window=1), methods={
      'generator': dynamic_sparse.DynamicSparse(0.2, schedule, grow_score=scores.random),
      'discriminator': adaptive_density.AdaptiveDensity(0.3, schedule, 0.1, lower_bound=-1e9, upper_bound=-1e9)})
  trainer.fit(tiny.DATA, 3)
  return trainer


@pytest.mark.slow
def test_the_step_compiles_and_does_the_same():
  plain, compiled = after_three_steps(False), after_three_steps(True)
  assert int(compiled.step) == 3
  for a, b in zip(plain.variables, compiled.variables, strict=True):
    if a.dtype.is_floating:
      np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5, err_msg=a.name)
    else:
      np.testing.assert_array_equal(a, b, err_msg=a.name)


def test_several_replicas_are_not_compiled_into_one_step():
  with strategies.make('mirrored').scope(), pytest.raises(errors.UserError, match='jit_compile is for one device'):
    tiny.make_trainer(jit_compile=True)
