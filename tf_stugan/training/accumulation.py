"""A batch in parts, one after the other, for what would not fit in memory at once."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tf_stugan import rng
from tf_stugan.rng import Seed

_SEEDS = 1 << 16  # where the seeds of the parts begin, beyond those that an objective makes of its own


def in_parts(function: Callable[[Any, Seed], tuple[Any, Any]], batch: Any, seed: Seed, parts: int) -> tuple[Any, Any]:
  """Calls function(part of the batch, seed of its own) for equal parts; function(batch, seed) for one.

  Args:
    function: returns two structures of tensors: float ones to be averaged, and ones [n, ...] to be put together.
    batch: a structure of tensors [N, ...], N a multiple of `parts`.
    seed: of the whole batch.
    parts: how many.

  Returns:
    The mean of the first structures, and the second ones one behind the other, [N, ...].
  """
  if parts == 1:
    return function(batch, seed)
  total, rest, done = None, [], []
  for i in range(parts):
    with tf.control_dependencies(done):  # side by side they would need the memory that the parts are there to save
      part = tf.nest.map_structure(lambda value, i=i: tf.split(value, parts)[i], batch)
      result, put_together = function(part, rng.fold(seed, _SEEDS + i))
      total = result if total is None else tf.nest.map_structure(tf.add, total, result)
    rest.append(put_together)
    done = tf.nest.flatten(total)
  return (tf.nest.map_structure(lambda x: x / parts, total),
          tf.nest.map_structure(lambda *values: tf.concat(values, axis=0), *rest))
