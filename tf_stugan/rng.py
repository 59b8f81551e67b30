"""Randomness as a pure function of names and numbers; there is no generator whose state could be lost on resume."""

import binascii
from collections.abc import Sequence
import functools
import math

import numpy as np
import tensorflow as tf

_ALGORITHM = 'philox'  # left to TensorFlow, it is Philox on CPUs and GPUs, and another one where XLA compiles

Seed = tf.Tensor  # int32 [2], as the tf.random.stateless_* functions take it


def seed(run_seed: int, stream: str, *indices) -> Seed:
  """Derives the seed of one draw.

  Args:
    run_seed: the seed of the run.
    stream: what is drawn, for example 'generator/latents'; hashed by CRC-32, which is the same in every process.
    *indices: integers or scalar integer tensors, for example the step and the number of the update within it.

  Returns:
    An int32 tensor of shape [2].
  """
  crc = binascii.crc32(stream.encode())
  if not indices:
    return tf.constant(_key(run_seed, crc))
  result = tf.stack([_first_bits(run_seed, crc), tf.cast(indices[0], tf.int32)])
  for index in indices[1:]:
    result = fold(result, tf.cast(index, tf.int32))
  return result


def _key(run_seed, crc):
  return np.array([run_seed, crc], np.uint32).astype(np.int32)


@functools.cache
def _first_bits(run_seed, crc) -> int:
  """Computes what `fold` makes of a key whatever the index, once, and not in the graph of every draw."""
  with tf.init_scope(), tf.device('CPU:0'):
    return int(fold(tf.constant(_key(run_seed, crc)), 0)[0])


def latents(seeds: np.ndarray, size: int, truncation: float | None = None) -> np.ndarray:
  """Draws one standard normal latent per image seed: image 1234 is the same whatever the batch it is computed in.

  Args:
    seeds: integers >= 0, shape [N].
    size: the length of a latent.
    truncation: components beyond +-truncation are drawn again (BigGAN's truncation trick); None draws once.

  Returns:
    float32 [N, size].
  """
  return np.stack([_latent(np.random.Generator(np.random.Philox(key=int(s))), size, truncation) for s in seeds])


def _latent(generator, size, truncation):
  latent = generator.standard_normal(size, dtype=np.float32)
  while truncation is not None and (beyond := np.abs(latent) > truncation).any():
    latent[beyond] = generator.standard_normal(beyond.sum(), dtype=np.float32)
  return latent


def labels(seeds: np.ndarray, num_classes: int) -> np.ndarray:
  """Draws a class per image seed, uniform in [0, num_classes), whatever its latent: int32 [N]; zeros without classes."""
  return np.array([np.random.Generator(np.random.Philox(key=[int(s), 1])).integers(max(num_classes, 1)) for s in seeds],
                  np.int32)


def fold(seed: Seed, index: int) -> Seed:
  """Makes the seed with this index of several that are made of one."""
  return tf.random.experimental.stateless_fold_in(seed, index, alg=_ALGORITHM)


def folds(seed: Seed, count: int) -> list[Seed]:
  """Returns `fold(seed, i)` for i in 0 .. count - 1, in fewer operations: what is drawn of the seed is drawn once."""
  bits = fold(seed, 0)[0]
  return tf.unstack(tf.stack([tf.fill([count], bits), tf.range(count)], axis=1), num=count)


def bits(shape: Sequence[int], seed: Seed) -> tf.Tensor:
  """Draws int32, uniform over all of its values, the same on every kind of device."""
  return tf.random.stateless_uniform(shape, seed, None, None, tf.int32, alg=_ALGORITHM)


def uniform(shape: Sequence[int], seed: Seed) -> tf.Tensor:
  """Draws numbers in [0, 1), float32, the same on every kind of device: those of `tf.random.stateless_uniform` on a CPU.

  TensorFlow's kernels and XLA (and so a TPU) make the same bits of a seed, but other floats of the bits.
  """
  mantissa = tf.bitwise.bitwise_or(tf.bitwise.bitwise_and(bits(shape, seed), 0x7FFFFF), 0x3F800000)
  return tf.bitcast(mantissa, tf.float32) - 1


def normal(shape: Sequence[int], seed: Seed) -> tf.Tensor:
  """Draws standard normal numbers, float32, the same on every kind of device up to rounding: Box and Muller's way."""
  size = math.prod(shape)
  u, v = tf.unstack(tf.reshape(uniform([size + size % 2], seed), [-1, 2]), axis=1)
  radius, angle = tf.sqrt(-2 * tf.math.log(tf.maximum(u, 1e-7))), 2 * math.pi * v
  pairs = tf.stack([radius * tf.sin(angle), radius * tf.cos(angle)], axis=1)
  return tf.reshape(tf.reshape(pairs, [-1])[:size], shape)


def replica_normal(seed: Seed, shape: list[int]) -> tf.Tensor:
  """Draws this replica's part of standard normal numbers for the global batch.

  Drawing the whole and taking a part makes the numbers independent of how many replicas share the batch.

  Args:
    seed: of the global draw.
    shape: [images of the global batch, ...], static; the first is a multiple of the number of replicas.

  Returns:
    float32 [images of this replica, ...].
  """
  return replica_share(normal(shape, seed))


def replica_labels(seed: Seed, count: int, num_classes: int) -> tf.Tensor:
  """Draws classes likewise, uniform in [0, num_classes), for `count` images of the global batch: int32."""
  return replica_share(tf.random.stateless_uniform([count], seed, 0, num_classes, tf.int32, alg=_ALGORITHM))


def replica_uniform(seed: Seed, shape: list[int]) -> tf.Tensor:
  """Draws numbers in [0, 1) likewise, but the first of `shape` counts the images of this replica: float32 [*shape]."""
  replicas = tf.distribute.get_replica_context().num_replicas_in_sync
  return replica_share(uniform([shape[0] * replicas, *shape[1:]], seed))


def replica_share(whole: tf.Tensor) -> tf.Tensor:
  """Returns this replica's part of a tensor [N, ...] that all of them hold whole: [N / replicas, ...]."""
  context = tf.distribute.get_replica_context()
  if context.num_replicas_in_sync == 1:
    return whole
  share = whole.shape[0] // context.num_replicas_in_sync
  start = tf.cast(context.replica_id_in_sync_group, tf.int32) * share
  return tf.reshape(whole[start:start + share], [share, *whole.shape[1:]])
