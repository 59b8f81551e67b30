"""Schedules of learning rates, for any optimizer of Keras."""

import tensorflow as tf

from tf_stugan import errors
from tf_stugan.compat import keras


class ConstantThenLinear(keras.optimizers.schedules.LearningRateSchedule):
  """Keeps the rate constant at first, then lets it fall linearly to 0 (CycleGAN, Zhu et al., 2017, section 7.1).

  Args:
    learning_rate: the rate at first.
    total_steps: the number of updates of the optimizer in the whole run.
    constant: the share of these updates before the rate begins to fall, in [0, 1); 0.5 in the paper.
  """

  def __init__(self, learning_rate: float, total_steps: int, constant: float = 0.5):
    super().__init__()
    errors.check_counts(self, total_steps=total_steps)
    errors.check_within(self, 0, 1 - 1e-6, constant=constant)
    self.learning_rate = learning_rate
    self.total_steps = total_steps
    self.constant = constant

  def __call__(self, step: tf.Tensor) -> tf.Tensor:
    """Returns the rate of the update after `step` updates, float32."""
    left = 1 - tf.cast(step, tf.float32) / self.total_steps
    return self.learning_rate * tf.clip_by_value(left / (1 - self.constant), 0.0, 1.0)

  def get_config(self) -> dict[str, float]:
    return {'learning_rate': self.learning_rate, 'total_steps': self.total_steps, 'constant': self.constant}
