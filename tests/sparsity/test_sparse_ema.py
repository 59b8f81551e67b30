"""Three steps by hand, with one drop and one regrowth: STU-GAN Eq. 5."""

import numpy as np
import pytest
import tensorflow as tf

from tf_stugan import errors
from tf_stugan.compat import keras
from tf_stugan.sparsity.masks import MaskedVariable
from tf_stugan.sparsity.sparse_ema import SparseEMA


class Net(keras.Model):
  """One kernel of three weights, a running statistic, and a buffer of another kind."""

  def __init__(self):
    super().__init__()
    self.kernel = self.add_weight('kernel', [3])
    self.statistic = self.add_weight('moving_mean', [1], trainable=False)
    self.vector = self.add_weight('u', [1], trainable=False)


@pytest.fixture
def nets():
  source, target = Net(), Net()
  source.kernel.assign([8., 4., 0.])
  source.statistic.assign([1.])
  return source, target, MaskedVariable('kernel', source.kernel, tf.Variable([True, True, False]))


def step(ema, source, number, kernel, statistic=1.0, regrown=None):
  source.kernel.assign(kernel)
  source.statistic.assign([statistic])
  ema.update(tf.constant(number), regrown and [tf.constant(regrown)])


def test_three_steps_by_hand(nets):
  source, target, variable = nets
  ema = SparseEMA(decay=0.5)
  ema.initialize(source, target, [variable])
  np.testing.assert_array_equal(target.kernel, [8, 4, 0])
  # Step 1: weight 1 is dropped, weight 2 regrown (it is 0 now, and fresh until the next step).
  variable.mask.assign([True, False, True])
  step(ema, source, 1, [4., 0., 0.], statistic=3.0, regrown=[False, False, True])
  np.testing.assert_array_equal(target.kernel, [6, 0, 0])
  np.testing.assert_array_equal(target.statistic, [2])
  # Step 2: the regrown weight has moved to 10; its average starts there, not at 5.
  step(ema, source, 2, [2., 0., 10.])
  np.testing.assert_array_equal(target.kernel, [4, 0, 10])
  # Step 3: an ordinary average again.
  step(ema, source, 3, [2., 0., 20.])
  np.testing.assert_array_equal(target.kernel, [3, 0, 15])


def test_without_restart_a_regrown_weight_starts_from_zero(nets):
  source, target, variable = nets
  ema = SparseEMA(decay=0.5, restart_regrown=False)
  ema.initialize(source, target, [variable])
  variable.mask.assign([True, False, True])
  step(ema, source, 1, [4., 0., 0.], regrown=[False, False, True])
  step(ema, source, 2, [2., 0., 10.])
  np.testing.assert_array_equal(target.kernel, [4, 0, 5])


def test_buffers_can_be_copied_instead_of_averaged(nets):
  source, target, variable = nets
  ema = SparseEMA(decay=0.5, average_buffers=False)
  ema.initialize(source, target, [variable])
  step(ema, source, 1, [8., 4., 0.], statistic=3.0)
  np.testing.assert_array_equal(target.statistic, [3])


def test_before_the_start_step_the_average_is_a_copy(nets):
  source, target, variable = nets
  ema = SparseEMA(decay=0.5, start_step=2)
  ema.initialize(source, target, [variable])
  step(ema, source, 1, [2., 2., 0.])
  np.testing.assert_array_equal(target.kernel, [2, 2, 0])
  step(ema, source, 2, [4., 4., 0.])
  np.testing.assert_array_equal(target.kernel, [3, 3, 0])


def test_a_decay_out_of_range_is_refused():
  with pytest.raises(errors.UserError, match='decay'):
    SparseEMA(decay=1.0)


def test_vectors_of_spectral_norm_are_copied(nets):
  source, target, variable = nets
  ema = SparseEMA(decay=0.5)
  ema.initialize(source, target, [variable])
  source.vector.assign([1.0])
  step(ema, source, 1, [8., 4., 0.])
  np.testing.assert_array_equal(target.vector, [1])
