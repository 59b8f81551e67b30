"""When a mask changes, and how much of it."""

from collections.abc import Callable
import math

import tensorflow as tf

from tf_stugan import errors

Decay = Callable[[tf.Tensor, int, float, float], tf.Tensor]


def cosine(step: tf.Tensor, total_steps: int, initial: float, final: float) -> tf.Tensor:
  """Returns final + (initial - final) * (1 + cos(pi * step / total_steps)) / 2: STU-GAN's drop fraction, 0.5 to 0.005."""
  return final + (initial - final) * (1 + tf.cos(math.pi * step / total_steps)) / 2


def linear(step: tf.Tensor, total_steps: int, initial: float, final: float) -> tf.Tensor:
  """Falls from `initial` at step 0 to `final` at the end."""
  return initial + (final - initial) * step / total_steps


def constant(step: tf.Tensor, total_steps: int, initial: float, final: float) -> tf.Tensor:
  """Returns `initial` at every step."""
  del total_steps, final
  return initial + 0 * step


def total_steps(num_steps: int, multiplier: int = 1) -> int:
  """Returns the length of a run `multiplier` times as long as usual (STU-GAN's 5x): gin's TOTAL_STEPS. 1e5 is whole."""
  if isinstance(num_steps, float) and num_steps.is_integer():
    num_steps = int(num_steps)
  errors.check_counts('total_steps', num_steps=num_steps, multiplier=multiplier)
  return num_steps * multiplier


def stretch(step: int, multiplier: int = 1) -> int:
  """Returns where a step of a usual run is in one `multiplier` times as long: the dense steps of prune and fine-tune."""
  return step * multiplier


class UpdateSchedule:
  """Every `update_interval` steps from `begin_step` to `end_step`, inclusive, with a decaying drop fraction.

  Args:
    total_steps: the horizon of the decay, in steps (generator updates); usually the length of the run.
    update_interval: steps between two updates.
    initial_fraction: share of the active weights dropped by an update at step 0, in [0, 1].
    final_fraction: the same at `total_steps`.
    decay: `cosine`, `linear` or `constant`.
    begin_step: no update before it.
    end_step: no update after it; the published STU-GAN runs explore until the end, RigL stops at 75 %.
    update_at_end: whether step `total_steps` may be an update; in ADAPT's code, SDST included, it is none.
  """

  def __init__(self, total_steps: int, update_interval: int = 1000, initial_fraction: float = 0.5,
               final_fraction: float = 0.005, decay: Decay = cosine, begin_step: int = 1, end_step: int | None = None,
               update_at_end: bool = True):
    errors.check_counts(self, total_steps=total_steps, update_interval=update_interval)
    errors.check_counts(self, 0, begin_step=begin_step, end_step=total_steps if end_step is None else end_step)
    errors.check_within(self, 0, 1, initial_fraction=initial_fraction, final_fraction=final_fraction)
    self.total_steps = total_steps
    self.update_interval = update_interval
    self.initial_fraction = initial_fraction
    self.final_fraction = final_fraction
    self.decay = decay
    self.begin_step = begin_step
    self.end_step = total_steps if end_step is None else end_step
    if not update_at_end:
      self.end_step = min(self.end_step, total_steps - 1)

  def update_steps(self) -> range:
    """Lists the steps at whose end masks change; steps count from 1."""
    return range(-(-self.begin_step // self.update_interval) * self.update_interval, self.end_step + 1, self.update_interval)

  def drop_fraction(self, step: tf.Tensor) -> tf.Tensor:
    """Returns the share of active weights that an update at `step` drops, a float64 scalar."""
    step = tf.minimum(tf.cast(step, tf.float64), float(self.total_steps))
    return self.decay(step, self.total_steps, self.initial_fraction, self.final_fraction)
