"""The average of a network's weights over time, kept as sparse as the network (SEMA, STU-GAN Eq. 5)."""

from collections.abc import Sequence

import tensorflow as tf

from tf_stugan import compat
from tf_stugan import errors
from tf_stugan.compat import keras
from tf_stugan.sparsity import masks
from tf_stugan.sparsity.masks import MaskedVariable


class SparseEMA(tf.Module):
  """Holds averages of one network's variables in the variables of another network of the same kind.

  A weight that was just regrown is 0 and has no history: with `restart_regrown` its average starts anew from its value
  after the *next* optimizer step (it is `fresh` until then). Averages of pruned weights are exactly 0.

  Args:
    decay: share of the old average, in [0, 1): 0.999 for SNGAN, 0.9999 for BigGAN.
    start_step: before this step the average is a copy: 0 for SNGAN, 1000 for BigGAN.
    restart_regrown: True is SEMA; False only masks the average (ADAPT, and STU-GAN's "EMA with mask").
    average_buffers: whether BatchNorm statistics are averaged too (STU-GAN) or copied (ADAPT). Other buffers are always
      copied: a mean of spectral norm's unit vectors is no unit vector, and its sigma would be too small.
  """

  def __init__(self, decay: float = 0.999, start_step: int = 0, restart_regrown: bool = True,
               average_buffers: bool = True, name: str | None = None):
    super().__init__(name=name)
    if not 0 <= decay < 1:
      raise errors.UserError(f'SparseEMA.decay must be in [0, 1); got {decay}.')
    errors.check_counts(self, 0, start_step=start_step)
    self.decay = decay
    self.start_step = start_step
    self.restart_regrown = restart_regrown
    self.average_buffers = average_buffers

  def initialize(self, source: keras.Model, target: keras.Model, variables: Sequence[MaskedVariable]) -> None:
    """Copies `source` into `target`, and makes the flags. Both networks are built and of one kind."""
    self._variables = list(variables)
    kernels = {id(v.weight): i for i, v in enumerate(self._variables)}
    pairs = [pair for pair in _float_pairs(source, target)]
    self._pairs = [(s, t, kernels.get(id(s))) for s, t in pairs]
    self.fresh = [tf.Variable(tf.zeros(v.mask.shape, tf.bool), trainable=False, name=f'{v.name}/fresh') for v in variables]
    self.restart()

  def restart(self) -> None:
    """Forgets the past: averages are what the weights are now."""
    for source, target, _ in self._pairs:
      target.assign(source)

  @property
  def masked(self) -> list[MaskedVariable]:
    """The averages of masked kernels, with the masks of these."""
    of_kernel = {index: target for _, target, index in self._pairs}
    return [MaskedVariable(f'average of {v.name}', of_kernel[i], v.mask) for i, v in enumerate(self._variables)]

  def update(self, step: tf.Tensor, regrown: Sequence[tf.Tensor] | None = None) -> None:
    """Takes in the source's variables as they are after `step`.

    Args:
      step: int64 scalar, from 1.
      regrown: for each masked variable a bool tensor that marks what this step regrew: its average restarts with the next
        update. None where there is nothing of the kind.
    """
    regrown = regrown or [tf.zeros_like(fresh) for fresh in self.fresh]
    decay = tf.where(step >= self.start_step, self.decay, 0.0)
    rest = 1 - decay
    for source, target, index in self._pairs:
      if not (source.trainable or self.average_buffers and _is_running_statistic(source)):
        compat.assign(target, tf.convert_to_tensor(source))
        continue
      value = decay * target + rest * source
      if index is not None:
        if self.restart_regrown:
          value = tf.where(self.fresh[index], source, value)
          compat.assign(self.fresh[index], regrown[index])
        value = masks.masked(value, self._variables[index].mask)
      compat.assign(target, value)


def _is_running_statistic(variable):
  return variable.name.split('/')[-1].startswith('moving_')


def _float_pairs(source, target):
  pairs = zip(
      [v for v in source.variables if v.dtype.is_floating], [v for v in target.variables if v.dtype.is_floating],
      strict=True)
  for s, t in pairs:
    if s.shape != t.shape:
      raise ValueError(f'{s.name} {s.shape} cannot be averaged in {t.name} {t.shape}')
    yield s, t
