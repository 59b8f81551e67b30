"""An optimizer that makes scales of normalizations exactly zero, one channel after the other."""

import tensorflow as tf

from tf_stugan import compat
from tf_stugan import errors
from tf_stugan.compat import keras
from tf_stugan.layers import scales


class ProximalAdam(keras.optimizers.Adam):
  """Adam for weights; for the scales of normalizations a proximal gradient step on loss + rho * L1 norm.

  A scale takes a step of SGD with momentum, then is brought nearer to 0 by rho * scale_learning_rate, and stays 0 while the
  gradient does not outweigh that. Lottery tickets for GANs, Algorithm 2 (Chen et al., 2021,
  https://arxiv.org/abs/2106.00134); rates as in the authors' code, on which the published rho rests.

  Args:
    rho: weight of the L1 norm of the scales.
    scale_learning_rate: of the scales.
    scale_momentum: of the scales, in [0, 1).
    learning_rate, beta_1, beta_2, epsilon: of Adam.
  """

  def __init__(self, rho: float, scale_learning_rate: float = 0.1, scale_momentum: float = 0.5,
               learning_rate=2e-4, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8):
    super().__init__(learning_rate, beta_1, beta_2, epsilon)
    errors.check_within(self, 0, float('inf'), rho=rho, scale_learning_rate=scale_learning_rate)
    errors.check_within(self, 0, 1 - 1e-6, scale_momentum=scale_momentum)
    self.rho = rho
    self.scale_learning_rate = scale_learning_rate
    self.scale_momentum = scale_momentum

  def update_step(self, gradient, variable):
    if scales.norm_of(variable.name) is None:
      super().update_step(gradient, variable)
      return
    velocity = compat.adam_slots(self, variable)[0]
    velocity.assign(self.scale_momentum * velocity - self.scale_learning_rate * gradient)
    variable.assign(scales.shrink(
        variable.name, tf.convert_to_tensor(variable) + velocity, self.rho * self.scale_learning_rate))
