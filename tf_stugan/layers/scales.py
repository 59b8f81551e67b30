"""The scales of normalizations: what multiplies each channel, so that a channel whose scale is 0 can go.

They are told by the names of variables: 'norm/gamma' [C] of `BatchNorm` and `InstanceNorm`, and 'norm/gain/table' [K, C] of
a `ConditionalBatchNorm`, which multiplies by 1 + gain: there a channel can go if that is 0 for every class.
"""

import re

import numpy as np
import tensorflow as tf

_OFFSETS = {'gamma': 0.0, 'gain/table': 1.0}
_SCALE = re.compile(r'(?:(.*)/)?(gamma|gain/table)(?::0)?')


def norm_of(name: str) -> str | None:
  """Returns the path of the normalization whose scale a variable of this name is; None if it is none."""
  match = _SCALE.fullmatch(name)
  return match and match[1]


def shrink(name: str, value: tf.Tensor, threshold: tf.Tensor | float) -> tf.Tensor:
  """Brings scales nearer to 0 by the threshold, and those that are nearer than that to 0: the proximal map of its L1 norm.

  The scales of a channel in K classes are shrunk together, by their root mean square.

  Args:
    name: of the variable.
    value: of it, [C] or [K, C].
    threshold: >= 0.
  """
  offset = _OFFSETS[_SCALE.fullmatch(name)[2]]
  scale = value + offset
  size = tf.abs(scale) if value.shape.rank == 1 else tf.sqrt(tf.reduce_mean(scale**2, axis=0))
  return tf.where(size > threshold, scale * (1 - threshold / tf.maximum(size, 1e-30)), tf.zeros_like(scale)) - offset


def alive(name: str, value: np.ndarray) -> np.ndarray:
  """Marks the channels that have a scale other than 0: bool [C]."""
  return (value != -_OFFSETS[_SCALE.fullmatch(name)[2]]).reshape(-1, value.shape[-1]).any(axis=0)
