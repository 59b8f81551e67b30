"""What replicas and workers have to agree on, and how they find out: masks, when to stop, where to go on from."""

import binascii
from collections.abc import Iterator, Sequence
import contextlib
import functools

import numpy as np
import tensorflow as tf

from tf_stugan import errors
from tf_stugan import rng
from tf_stugan.training import strategies


def fingerprint(masks: Sequence[tf.Tensor]) -> tf.Tensor:
  """Hashes bool tensors in the graph: the sum of a pseudo-random number for each position that is set.

  Returns:
    float32 [2], whole numbers in [0, 65536): 32 bits. Two different masks have the same ones with probability 2^-32.
  """
  total = tf.zeros([], tf.int32)  # wraps around, so the order of the sum does not matter
  for i, mask in enumerate(masks):
    numbers = rng.bits(mask.shape, tf.constant([i, 0]))
    total += tf.reduce_sum(tf.where(mask, numbers, 0))
  halves = [tf.bitwise.bitwise_and(total, 0xFFFF), tf.bitwise.bitwise_and(tf.bitwise.right_shift(total, 16), 0xFFFF)]
  return tf.cast(tf.stack(halves), tf.float32)


def gather_replicas(values: tf.Tensor) -> tf.Tensor:
  """Gathers float32 [n], whole numbers below 2^24, from all replicas; returns float32 [replicas, n] on each of them.

  It is one all-reduce, which every strategy has: each replica adds its own row to rows of zeros.
  """
  context = tf.distribute.get_replica_context()
  mine = tf.one_hot(tf.cast(context.replica_id_in_sync_group, tf.int32), context.num_replicas_in_sync)
  return context.all_reduce(tf.distribute.ReduceOp.SUM, mine[:, None] * values[None, :])


def check_masks(names: Sequence[str], fingerprints: np.ndarray, step: int) -> None:
  """Compares what `gather_replicas` collected of the `fingerprint`s of some networks' masks.

  Args:
    names: the names of the networks.
    fingerprints: [replicas, 2 * networks]; not looked at where there is one replica.
    step: the step at which the masks changed.

  Raises:
    DisagreementError: one replica has other masks than the first.
  """
  for i, name in enumerate(names if len(fingerprints) > 1 else ()):
    hashes = [f'{int(high) << 16 | int(low):08x}' for low, high in fingerprints[:, 2 * i:2 * i + 2]]
    if len(set(hashes)) > 1:
      raise errors.DisagreementError(
          f'The masks of the {name} differ between replicas after the update at step {step} (hashes by replica: '
          f'{", ".join(hashes)}). Nothing of it was saved; the same command goes on from the last checkpoint. If it comes '
          'back, the replicas do not compute alike: look at their hardware and versions.')


def any_worker(strategy: tf.distribute.Strategy, flag: bool) -> bool:
  """Tells whether the flag is set on one worker at least: the same answer on all of them. All have to ask."""
  if strategies.num_workers(strategy) == 1:
    return flag
  return bool(_gather_workers(strategy, flag).any())


def wait(strategy: tf.distribute.Strategy) -> None:
  """Waits until all workers have called it."""
  any_worker(strategy, False)


@contextlib.contextmanager
def tell_of_lost_workers(strategy: tf.distribute.Strategy) -> Iterator[None]:
  """Raises WorkerLostError where another worker is lost inside the `with` block."""
  try:
    yield
  except (tf.errors.UnavailableError, tf.errors.AbortedError) as error:
    if strategies.num_workers(strategy) == 1:
      raise
    raise errors.WorkerLostError(
        'Another worker of this run is gone; its own output says why. Start all of them again with the same command: they '
        'go on from the last checkpoint.') from error


def check_step(strategy: tf.distribute.Strategy, step: int) -> None:
  """Raises CheckpointError where workers would go on from different steps."""
  if strategies.num_workers(strategy) > 1:
    steps = sorted({int(s) for s in _gather_workers(strategy, step)})
    if len(steps) > 1:
      raise errors.CheckpointError(
          f'The workers found different checkpoints to go on from: steps {", ".join(map(str, steps))}. All of them have to '
          'see the same --workdir.')


def check_same(strategy: tf.distribute.Strategy, what: str, text: str) -> None:
  """Raises DisagreementError where the texts of two workers differ."""
  if strategies.num_workers(strategy) > 1:
    checksum = binascii.crc32(text.encode())
    for half in (checksum >> 16, checksum & 0xFFFF):  # a float32 has 24 bits
      if len(set(_gather_workers(strategy, half))) > 1:
        raise errors.DisagreementError(
            f'The workers of this run have different {what}. Start all of them with the same command, on the same files.')


def _gather_workers(strategy, value) -> np.ndarray:
  """Gathers one number of each replica's worker, [replicas]."""
  return _collector(strategy)(tf.constant([value], tf.float32)).numpy()[:, 0]


@functools.cache
def _collector(strategy):
  return tf.function(
      lambda value: strategy.experimental_local_results(strategy.run(gather_replicas, args=(value,)))[0], autograph=False)
