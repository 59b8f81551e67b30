"""Computes a batch in parts, one after the other, where the whole would not fit in memory."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tf_stugan import rng
from tf_stugan.rng import Seed

_SEEDS = 1 << 16  # where the seeds of the parts begin, beyond those that an objective makes of its own


def call_in_parts(function: Callable[[Any, Seed], tuple[Any, Any]], batch: Any, seed: Seed, parts: int) -> tuple[Any, Any]:
  """Calls function(part, seed of the part) for equal parts of a batch; with one part, function(batch, seed).

  Args:
    function: returns two structures of tensors: float tensors that are averaged, and tensors [n, ...] that are concatenated.
    batch: a structure of tensors [N, ...], N a multiple of `parts`.
    seed: the seed of the whole batch.
    parts: the number of parts.

  Returns:
    The mean of the first structures, and the concatenation of the second ones, [N, ...].
  """
  if parts == 1:
    return function(batch, seed)
  def call(i):
    part = tf.nest.map_structure(lambda x: tf.reshape(x, [parts, x.shape[0] // parts, *x.shape[1:]])[i], batch)
    result, rest = function(part, rng.fold(seed, _SEEDS + i))
    return tf.nest.map_structure(tf.convert_to_tensor, result), rest  # gradients of tables are no tensors

  def add(i, total):
    with tf.control_dependencies(tf.nest.flatten(total)):  # side by side they would need the memory that is to be saved
      result, rest = call(i)
      return tf.nest.map_structure(tf.add, total, result), rest

  total, first = call(0)
  if tf.distribute.has_strategy():  # whose replicas, were it one, must not talk in a loop of the graph
    rests = [first]
    for i in range(1, parts):
      total, rest = add(i, total)
      rests.append(rest)
    whole = tf.nest.map_structure(lambda *values: tf.concat(values, axis=0), *rests)
  else:
    total, whole = _looped(add, total, first, parts)
  return tf.nest.map_structure(lambda x: x / parts, total), whole


def _looped(add, total, first, parts):
  """Traces a part once for all that come after the first."""
  rests = [tf.TensorArray(x.dtype, parts, element_shape=x.shape).write(0, x) for x in tf.nest.flatten(first)]

  def body(i, total, rests):
    total, rest = add(i, total)
    return i + 1, total, [array.write(i, x) for array, x in zip(rests, tf.nest.flatten(rest), strict=True)]
  _, total, rests = tf.while_loop(lambda i, *_: i < parts, body, (1, total, rests), parallel_iterations=1)
  return total, tf.nest.pack_sequence_as(first, [array.concat() for array in rests])
