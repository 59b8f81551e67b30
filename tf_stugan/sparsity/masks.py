"""Masked variables, and the masks that scores or chance give them.

Invariant between two training steps: `weight == where(mask, weight, 0)`, exactly.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

from tf_stugan import compat
from tf_stugan import rng
from tf_stugan.rng import Seed


class MaskedVariable(NamedTuple):
  """A kernel and its mask: [k_h, k_w, C_in, C_out] or [C_in, C_out]; the mask is bool."""

  name: str
  weight: tf.Variable
  mask: tf.Variable


MaskSampler = Callable[[tf.TensorShape, float, Seed], tf.Tensor]


def apply_masks(variables: Sequence[MaskedVariable]) -> None:
  """Sets weights to 0 where their mask is not set."""
  for variable in variables:
    compat.assign(variable.weight, masked(variable.weight, variable.mask))


def masked(value: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
  """Returns `value` where `mask`, else exactly 0 (also where value is not finite)."""
  return tf.where(mask, value, tf.zeros_like(value))


def density(variables: Sequence[MaskedVariable]) -> tf.Tensor:
  """Returns the share of weights that are kept, over all variables together: a float32 scalar in [0, 1]."""
  kept = tf.add_n([nonzeros(v.mask) for v in variables])
  return tf.cast(kept, tf.float32) / sum(v.mask.shape.num_elements() for v in variables)


def nonzeros(mask: tf.Tensor) -> tf.Tensor:
  """Counts the weights that a mask keeps: an int32 scalar."""
  return tf.reduce_sum(tf.cast(mask, tf.int32))


def top_k_masks(scores: Sequence[tf.Tensor], counts: Sequence[tf.Tensor | int]) -> list[tf.Tensor]:
  """Marks the k largest of each tensor of scores; among equal ones the first in memory order win.

  The k-th largest scores are found by bisection, all of them in one loop of 32 counts, whatever the sizes: sorting, which
  TensorFlow offers, takes ten times as long and grows faster than the network. Shapes are static, so it compiles for TPU.

  Args:
    scores: float32, any shapes, no NaN.
    counts: how many to mark of each, integer scalars in [0, size of the scores].

  Returns:
    bool, of the shape of each tensor, exactly so many True.
  """
  counts = tf.stack([tf.cast(k, tf.int32) for k in counts])
  keys = [_ordered_keys(score) for score in scores]

  def narrow(i, low, high):  # at least k keys are >= low, fewer are >= high
    middle = low + (high - low) // 2
    enough = tf.stack([nonzeros(key >= m) for key, m in zip(keys, _unstack32(middle, keys), strict=True)]) >= counts
    return i + 1, tf.where(enough, middle, low), tf.where(enough, high, middle)

  bounds = [tf.fill([len(keys)], tf.constant(bound, tf.int64)) for bound in (-2**31, 2**31)]
  _, thresholds, _ = tf.while_loop(lambda i, *_: i < 32, narrow, [0, *bounds], parallel_iterations=1)
  return [tf.reshape(_first_from(*args), score.shape) for score, *args in zip(
      scores, keys, _unstack32(thresholds, keys), tf.unstack(counts, len(keys)), strict=True)]


def _ordered_keys(score):
  """Returns integers [size] in the order of the scores."""
  keys = tf.bitcast(tf.reshape(score, [-1]) + 0.0, tf.int32)  # + 0: -0 is as good as 0
  return tf.bitwise.bitwise_xor(keys, tf.bitwise.right_shift(keys, 31) & 0x7FFFFFFF)


def _unstack32(values, keys):
  return tf.unstack(tf.cast(values, tf.int32), len(keys))


def _first_from(keys, threshold, k):
  """Marks the keys above the threshold, and the first of those that equal it, k together."""
  above, equal = keys > threshold, keys == threshold
  return above | (equal & (tf.cumsum(tf.cast(equal, tf.int32)) <= k - nonzeros(above)))


def top_k_mask(score: tf.Tensor, k: tf.Tensor | int) -> tf.Tensor:
  """Does what `top_k_masks` does for one tensor."""
  return top_k_masks([score], [k])[0]


def exact_mask(shape: tf.TensorShape, density: float, seed: Seed) -> tf.Tensor:
  """Draws a mask with exactly round(density * size) weights."""
  size = tf.TensorShape(shape).num_elements()
  return top_k_mask(rng.uniform(shape, seed), round(density * size))


def bernoulli_mask(shape: tf.TensorShape, density: float, seed: Seed) -> tf.Tensor:
  """Keeps each weight with probability `density`, independently, as in the STU-GAN and ADAPT code."""
  return rng.uniform(shape, seed) < density
