"""Randomness as a pure function of names and numbers; there is no generator whose state could be lost on resume."""

import binascii

import numpy as np
import tensorflow as tf

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
  key = np.array([run_seed, binascii.crc32(stream.encode())], np.uint32).astype(np.int32)
  result = tf.constant(key)
  for index in indices:
    result = tf.random.experimental.stateless_fold_in(result, tf.cast(index, tf.int32))
  return result


def latents(seeds: np.ndarray, size: int) -> np.ndarray:
  """One standard normal latent per image seed: image 1234 is the same whatever the batch it is computed in.

  Args:
    seeds: integers >= 0, shape [N].
    size: the length of a latent.

  Returns:
    float32 [N, size].
  """
  return np.stack([
      np.random.Generator(np.random.Philox(key=int(s))).standard_normal(size, dtype=np.float32) for s in seeds])


def replica_normal(seed: Seed, shape: list[int]) -> tf.Tensor:
  """This replica's part of a standard normal draw for the global batch.

  Drawing the whole and taking a part makes the numbers independent of how many replicas share the batch.

  Args:
    seed: of the global draw.
    shape: [images of the global batch, ...], static; the first is a multiple of the number of replicas.

  Returns:
    float32 [images of this replica, ...].
  """
  context = tf.distribute.get_replica_context()
  whole = tf.random.stateless_normal(shape, seed)
  share = shape[0] // context.num_replicas_in_sync
  start = tf.cast(context.replica_id_in_sync_group, tf.int32) * share
  return tf.reshape(whole[start:start + share], [share, *shape[1:]])
