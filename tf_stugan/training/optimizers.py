"""Adam as one operation for each variable, and an Adam that drives scales of normalizations to exactly zero."""

from collections.abc import Iterable

import tensorflow as tf

from tf_stugan import compat
from tf_stugan import errors
from tf_stugan.compat import keras
from tf_stugan.layers import scales


class Adam(keras.optimizers.Adam):
  """Updates as Keras's Adam does, with TensorFlow's fused operation: one for each variable in place of some thirty.

  The arithmetic is the same (Kingma and Ba, 2015, https://arxiv.org/abs/1412.6980, before Section 2.1); it saves a
  third of the operations of a training step, which were traced at each start and launched at each step.

  Args:
    learning_rate: > 0, or a schedule.
    beta_1, beta_2: the decay rates of the means of gradients and of their squares, in [0, 1).
    epsilon: added to the square root of the mean of squares.
  """

  _constants = None  # of all variables, while an update is traced

  def __init__(self, learning_rate=2e-4, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8):
    # On a GPU Keras would compile each update in a graph of its own, where `_constants` of the step's are out of reach; and
    # the update is one operation already.
    super().__init__(learning_rate, beta_1, beta_2, epsilon, jit_compile=False)
    self.schedule = learning_rate  # of which Keras tells the present value alone

  def apply_gradients(self, grads_and_vars: Iterable[tuple[tf.Tensor, tf.Variable]], **kwargs) -> tf.Variable:
    step = tf.cast(self.iterations + 1, tf.float32)
    beta_1, beta_2, epsilon = (tf.constant(value, tf.float32) for value in (self.beta_1, self.beta_2, self.epsilon))
    self._constants = {'beta1': beta_1, 'beta2': beta_2, 'epsilon': epsilon, 'beta1_power': tf.pow(beta_1, step),
                       'beta2_power': tf.pow(beta_2, step)}
    result = super().apply_gradients(grads_and_vars, **kwargs)
    self._constants = None  # they would keep the graph alive
    return result

  def update_step(self, gradient, variable):
    mean, square = compat.adam_slots(self, variable)
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle, m=mean.handle, v=square.handle, lr=tf.convert_to_tensor(self.learning_rate),
        grad=tf.convert_to_tensor(gradient), **self._constants)


class ProximalAdam(Adam):
  """Updates weights by Adam, and scales of normalizations by proximal gradient steps on loss + rho * L1 norm.

  A scale takes a step of SGD with momentum, then is brought nearer to 0 by rho * scale_learning_rate, and stays 0 while the
  gradient does not outweigh that. Lottery tickets for GANs, Algorithm 2 (Chen et al., 2021,
  https://arxiv.org/abs/2106.00134); rates as in the authors' code, on which the published rho rests.

  Args:
    adam: the optimizer of the weights, whose settings it takes over.
    rho: the weight of the L1 norm of the scales.
    scale_learning_rate: the learning rate of the scales.
    scale_momentum: the momentum of the scales, in [0, 1).
  """

  def __init__(self, adam: Adam, rho: float, scale_learning_rate: float = 0.1, scale_momentum: float = 0.5):
    super().__init__(adam.schedule, adam.beta_1, adam.beta_2, adam.epsilon)
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
