"""A batch in parts, one after the other, for what would not fit in memory at once."""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from tf_stugan import rng
from tf_stugan.rng import Seed

_SEEDS = 1 << 16  # where the seeds of the parts begin, beyond those that an objective makes of its own


def mean_of_parts(function: Callable[[Mapping[str, tf.Tensor], Seed], Any], batch: Mapping[str, tf.Tensor], seed: Seed,
                  parts: int) -> Any:
  """The mean of function(part of the batch, seed of its own) over equal parts; function(batch, seed) for one.

  Args:
    function: gives a structure of float tensors.
    batch: tensors [N, ...], N a multiple of `parts`.
    seed: of the whole batch.
    parts: how many.
  """
  if parts == 1:
    return function(batch, seed)
  total, done = None, []
  for i in range(parts):
    with tf.control_dependencies(done):  # side by side they would need the memory that the parts are there to save
      part = {key: tf.split(value, parts)[i] for key, value in batch.items()}
      result = function(part, rng.fold(seed, _SEEDS + i))
      total = result if total is None else tf.nest.map_structure(tf.add, total, result)
    done = tf.nest.flatten(total)
  return tf.nest.map_structure(lambda x: x / parts, total)
