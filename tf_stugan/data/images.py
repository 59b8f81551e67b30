"""Images in memory or streamed from disk, and the order in which a run sees them."""

import abc
from collections.abc import Callable, Iterator, Mapping
import contextlib
import dataclasses
import errno
import functools
import hashlib
import os

import numpy as np
import tensorflow as tf

from tf_stugan import errors
from tf_stugan import rng


@dataclasses.dataclass(frozen=True)
class Images:
  """A split of a data set.

  Attributes:
    name: as it is reported, for example 'cifar10/train'.
    images: uint8 [N, H, W, C]; a memory-mapped array is streamed from its file.
    labels: int32 [N].
    num_classes: labels are in [0, num_classes).
    stored_fingerprint: the fingerprint, where it was computed before; of a large set it takes minutes.
  """

  name: str
  images: np.ndarray
  labels: np.ndarray
  num_classes: int
  stored_fingerprint: str | None = None

  def __len__(self):
    return len(self.images)

  @property
  def image_shape(self) -> tuple[int, int, int]:
    return tuple(self.images.shape[1:])

  @functools.cached_property
  def fingerprint(self) -> str:
    """SHA-256 over shape, pixels and labels, 16 hexadecimal digits."""
    if self.stored_fingerprint:
      return self.stored_fingerprint
    digest = hashlib.sha256(str(self.images.shape).encode())
    digest.update(np.ascontiguousarray(self.images).data)
    digest.update(np.ascontiguousarray(self.labels, np.int32).data)
    return digest.hexdigest()[:16]

  @functools.cached_property
  def tensor(self) -> tf.Tensor:
    """All images as one tensor, made once: uint8 [N, H, W, C] on the host, also where there is an accelerator."""
    with tf.device('CPU'):
      return tf.constant(self.images)

  @functools.cached_property
  def reader(self) -> '_FileReader':
    """Reads images that are streamed."""
    return _FileReader(self.images)

  @contextlib.contextmanager
  def in_use(self) -> Iterator[None]:
    """Where batches are drawn. Raises DataLostError in place of TensorFlow's error where a streamed file cannot be read."""
    try:
      yield
    except tf.errors.OpError:
      if isinstance(self.images, np.memmap) and self.reader.problem:
        raise errors.DataLostError(self.reader.problem) from None
      raise


class ImageSource(abc.ABC):
  """A data set before it is read. Sources are cheap to make; `load` does the work."""

  @abc.abstractmethod
  def load(self, data_dir: str | None = None) -> Images:
    """Reads the training split. Raises DataError where it is missing or cannot be read."""


def to_float(images: tf.Tensor) -> tf.Tensor:
  """uint8 0..255 -> float32 in [-1, 1]."""
  return tf.cast(images, tf.float32) / 127.5 - 1


def to_uint8(images: np.ndarray) -> np.ndarray:
  """[-1, 1] -> uint8 0..255, by truncation as in the published evaluations: clip(127.5 x + 127.5)."""
  return np.clip(127.5 * np.asarray(images, np.float32) + 127.5, 0, 255).astype(np.uint8)


def shuffled(positions: tf.Tensor, size: int, seed: rng.Seed) -> tf.Tensor:
  """Where in the data set the images at these positions of the run are: each epoch is a new permutation.

  Args:
    positions: int64 [n], counted from the start of the run.
    size: images in the data set.
    seed: of the order.

  Returns:
    int64 [n] in [0, size).
  """
  epochs = positions // size
  first = tf.reduce_min(epochs)

  def places_in(epoch):
    epoch_seed = tf.random.experimental.stateless_fold_in(seed, epoch)
    return tf.random.experimental.index_shuffle(positions % size, epoch_seed, size - 1)
  # One call for each epoch that the positions touch (one or two), not one for each position.
  places = tf.map_fn(places_in, tf.range(first, tf.reduce_max(epochs) + 1))
  return tf.gather(tf.transpose(places), epochs - first, batch_dims=1)


def _look_up(data: Images) -> Callable[[tf.Tensor], tf.Tensor]:
  """int64 [n] -> the uint8 images [n, H, W, C] with these numbers.

  Only what is streamed takes the way through Python: its threads may still be at work when a process ends.
  """
  if not isinstance(data.images, np.memmap):
    return functools.partial(tf.gather, data.tensor)
  return lambda chosen: tf.ensure_shape(
      tf.numpy_function(data.reader, [chosen], tf.uint8, stateful=False), [*chosen.shape, *data.image_shape])


class _FileReader:
  """Reads images [n] of a mapped file with one request each: page by page, as a map does, takes several times as long.

  Attributes:
    problem: why an image could not be read, if one could not: TensorFlow does not pass exceptions on.
  """

  def __init__(self, mapped: np.memmap):
    self.problem = ''
    self._mapped = mapped

  @functools.cached_property
  def _file(self):
    file = open(self._mapped.filename, 'rb')  # noqa: SIM115  (it stays open for as long as the reader lives)
    if hasattr(os, 'posix_fadvise'):
      os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)  # what lies beside an image is not wanted
    return file

  def __call__(self, chosen: np.ndarray) -> np.ndarray:
    try:
      content = b''.join(map(self._read, chosen))
    except OSError as error:
      self.problem = (f'{self._mapped.filename} cannot be read any more ({error.strerror}). Put it back, or prepare the '
                      'data set again; the same command goes on.')
      raise
    return np.frombuffer(content, np.uint8).reshape(len(chosen), *self._mapped.shape[1:])

  def _read(self, number):
    size = self._mapped[0].nbytes
    content = os.pread(self._file.fileno(), size, self._mapped.offset + int(number) * size)
    if len(content) < size:
      raise OSError(errno.EIO, 'it has become shorter')
    return content


def batches(data: Images, counts: Mapping[str, tuple[int, int]], run_seed: int, first_step: int = 0,
            num_replicas: int = 1, flip: bool = False, replicas: range | None = None) -> tf.data.Dataset:
  """The batches of a run from `first_step` on. What a step sees depends on (run_seed, step) alone.

  Args:
    data: what to draw from.
    counts: for each player that uses data, (updates a step, images an update over all replicas).
    run_seed: the seed of the run.
    first_step: steps already done.
    num_replicas: of the whole run; each gets its share of every update.
    flip: mirror each image left-right with probability 1/2.
    replicas: those that are fed from here, all if not given; consecutive elements go to consecutive ones.

  Returns:
    A data set of {player: {'images': float32 [updates, N / num_replicas, H, W, C], 'labels': int32 [...]}}.
  """
  look_up, labels = _look_up(data), tf.constant(data.labels)
  per_step = sum(updates * size for updates, size in counts.values())
  order = rng.seed(run_seed, 'data/order')
  replicas = range(num_replicas) if replicas is None else replicas

  def element(index):
    step, replica = index // len(replicas), replicas.start + index % len(replicas)
    mirrored = tf.random.stateless_uniform([per_step], rng.seed(run_seed, 'data/flip', step)) < 0.5
    result, offset = {}, 0
    for player, (updates, size) in counts.items():
      share = size // num_replicas
      within = offset + size * np.arange(updates)[:, None] + np.arange(share)[None, :]
      within = tf.reshape(tf.constant(within, tf.int64), [-1]) + replica * share
      chosen = shuffled(step * per_step + within, len(data), order)
      batch = to_float(look_up(chosen))
      if flip:
        batch = tf.where(tf.gather(mirrored, within)[:, None, None, None], batch[:, :, ::-1], batch)
      result[player] = {
          'images': tf.reshape(batch, [updates, share, *data.image_shape]),
          'labels': tf.reshape(tf.gather(labels, chosen), [updates, share])}
      offset += updates * size
    return result

  indices = tf.data.Dataset.counter(first_step * len(replicas), dtype=tf.int64)
  return indices.map(element, num_parallel_calls=2, deterministic=True).prefetch(4)
