"""Images in memory or streamed from disk, and the order in which a run sees them."""

import abc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
import contextlib
import dataclasses
import errno
import functools
import hashlib
import os
from typing import NamedTuple

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
    classes: names, by label; empty where classes have none.
  """

  name: str
  images: np.ndarray
  labels: np.ndarray
  num_classes: int
  stored_fingerprint: str | None = None
  classes: Sequence[str] = ()

  def __len__(self):
    return len(self.images)

  @property
  def image_shape(self) -> tuple[int, int, int]:
    return tuple(self.images.shape[1:])

  @functools.cached_property
  def fingerprint(self) -> str:
    """Hashes shape, pixels and labels: SHA-256, 16 hexadecimal digits."""
    if self.stored_fingerprint:
      return self.stored_fingerprint
    digest = hashlib.sha256(str(self.images.shape).encode())
    digest.update(np.ascontiguousarray(self.images).data)
    digest.update(np.ascontiguousarray(self.labels, np.int32).data)
    return digest.hexdigest()[:16]

  @functools.cached_property
  def tensor(self) -> tf.Tensor:
    """Returns all images as one tensor, made once: uint8 [N, H, W, C] on the host, also where there is an accelerator."""
    with tf.device('CPU'):
      return tf.constant(self.images)

  @functools.cached_property
  def reader(self) -> '_FileReader':
    """Reads images that are streamed."""
    return _FileReader(self.images)


class Examples(NamedTuple):
  """Images with their labels, in a graph: float32 [N, H, W, C] in [-1, 1], and int32 [N]."""

  images: tf.Tensor
  labels: tf.Tensor


class Draw(NamedTuple):
  """What one turn of a game takes of the data in every step.

  Attributes:
    updates: batches.
    size: images of a batch, of each domain, over all replicas.
    domains: whose images.
  """

  updates: int
  size: int
  domains: tuple[str, ...]


@contextlib.contextmanager
def in_use(data: Iterable[Images]) -> Iterator[None]:
  """Surrounds the drawing of batches: raises DataLostError for TensorFlow's error where a streamed file cannot be read."""
  try:
    yield
  except tf.errors.OpError:
    for images in data:
      if isinstance(images.images, np.memmap) and images.reader.problem:
        raise errors.DataLostError(images.reader.problem) from None
    raise


class ImageSource(abc.ABC):
  """A data set before it is read. Sources are cheap to make; `load` does the work."""

  @abc.abstractmethod
  def load(self, data_dir: str | None = None) -> Images:
    """Reads the training split. Raises DataError where it is missing or cannot be read."""

  def test_source(self) -> 'ImageSource':
    """Returns the source of the test images that go with these, whose `load` reads them in turn.

    Raises:
      DataError: there can be none.
    """
    raise errors.DataError(f'{type(self).__name__} has no test images.')


def join(sets: Sequence[Images]) -> Images:
  """Joins several sets into one, in memory; one set stays as it is."""
  if len(sets) == 1:
    return sets[0]
  return Images(' and '.join(data.name for data in sets), np.concatenate([data.images for data in sets]),
                np.concatenate([data.labels for data in sets]), max(data.num_classes for data in sets))


def to_float(images: tf.Tensor) -> tf.Tensor:
  """Converts uint8 0..255 to float32 in [-1, 1]."""
  return tf.cast(images, tf.float32) / 127.5 - 1


def to_uint8(images: np.ndarray) -> np.ndarray:
  """Converts [-1, 1] to uint8 0..255, by truncation as in the published evaluations: clip(127.5 x + 127.5)."""
  return np.clip(127.5 * np.asarray(images, np.float32) + 127.5, 0, 255).astype(np.uint8)


def shuffled(positions: tf.Tensor, size: int, seed: rng.Seed) -> tf.Tensor:
  """Returns where in the data set the images at these positions of the run are: each epoch is a new permutation.

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
  # Not the rows of a transpose: of that oneDNN complains where the processor has no AVX-512.
  return tf.gather_nd(places, tf.stack([epochs - first, tf.range(tf.size(epochs, tf.int64))], axis=1))


def _resized(images, side):
  """Resizes uint8 [n, H, W, C] to float32 [n, side, side, C], whole numbers of 0..255: Pillow's filter, rounded once."""
  resized = tf.image.resize(images, [side, side], 'bicubic', antialias=True)
  return tf.clip_by_value(tf.round(resized), 0, 255)


def _cropped(images, side, places):
  """Crops [n, H, W, C] to [n, side, side, C]: image i at places[i], float [2] in [0, 1) of all places there are."""
  for axis in (1, 2):
    first = tf.cast(places[:, axis - 1] * (images.shape[axis] - side + 1), tf.int32)
    images = tf.gather(images, first[:, None] + tf.range(side), axis=axis, batch_dims=1)
  return images


def _look_up(data: Images) -> Callable[[tf.Tensor], tf.Tensor]:
  """Maps int64 [n] to the uint8 images [n, H, W, C] with these numbers.

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


def batches(data: Mapping[str, Images], draws: Mapping[str, Draw], run_seed: int, first_step: int = 0,
            num_replicas: int = 1, flip: bool = False, replicas: range | None = None, resize: int | None = None,
            crop: int | None = None) -> tf.data.Dataset:
  """Yields the batches of a run from `first_step` on. What a step sees depends on (run_seed, step) alone.

  Args:
    data: what to draw from, by domain; each domain has an order of its own.
    draws: what every turn takes, by the name of the turn.
    run_seed: the seed of the run.
    first_step: steps already done.
    num_replicas: of the whole run; each gets its share of every update.
    flip: mirror each image left-right with probability 1/2.
    replicas: those that are fed from here, all if not given; consecutive elements go to consecutive ones.
    resize: height and width that each image is brought to first, in pixels; with `crop`, CycleGAN's augmentation.
    crop: height and width of the part of each image that is shown, in pixels; its place is drawn.

  Returns:
    A data set of {turn: {domain: `Examples` with images [updates, N / num_replicas, H, W, C]}}.

  Raises:
    DataError: the images are smaller than the crop.
  """
  domains = [_Domain(name, images, draws, run_seed, flip, resize, crop) for name, images in data.items()]
  replicas = range(num_replicas) if replicas is None else replicas

  @tf.autograph.experimental.do_not_convert  # nothing in it has to be, and it takes a second
  def element(index):
    step, replica = index // len(replicas), replicas.start + index % len(replicas)
    parts = {domain.name: domain.at(step, replica, num_replicas) for domain in domains}
    return {turn: {name: parts[name][turn] for name in draw.domains} for turn, draw in draws.items()}

  indices = tf.data.Dataset.counter(first_step * len(replicas), dtype=tf.int64)
  return indices.map(element, num_parallel_calls=2, deterministic=True).prefetch(4)


class _Domain:
  """The order in which one domain is seen."""

  def __init__(self, name, data, draws, run_seed, flip, resize, crop):
    height, width = (resize, resize) if resize else data.image_shape[:2]
    if crop and crop > min(height, width):
      raise errors.DataError(
          f'{data.name} has images of {height} x {width}, too small to crop {crop} x {crop} out of them.')
    self.name = name
    self._data = data
    self._draws = {turn: draw for turn, draw in draws.items() if name in draw.domains}
    self._per_step = sum(draw.updates * draw.size for draw in self._draws.values())
    self._run_seed = run_seed
    self._flip, self._resize, self._crop = flip, resize, crop
    self._look_up, self._labels = _look_up(data), tf.constant(data.labels)

  def at(self, step, replica, num_replicas):
    """Returns {turn: `Examples`} of one replica at one step."""
    mirrored = rng.seed(self._run_seed, f'{self.name}/flip', step)
    mirrored = tf.random.stateless_uniform([self._per_step], mirrored) < 0.5
    order = rng.seed(self._run_seed, f'{self.name}/order')
    result, offset = {}, 0
    for turn, (updates, size, _) in self._draws.items():
      share = size // num_replicas
      within = offset + size * np.arange(updates)[:, None] + np.arange(share)[None, :]
      within = tf.reshape(tf.constant(within, tf.int64), [-1]) + replica * share
      chosen = shuffled(step * self._per_step + within, len(self._data), order)
      batch = self._look_up(chosen)
      batch = to_float(_resized(batch, self._resize) if self._resize else batch)
      if self._crop:
        places = rng.uniform([self._per_step, 2], rng.seed(self._run_seed, f'{self.name}/crop', step))
        batch = _cropped(batch, self._crop, tf.gather(places, within))
      if self._flip:
        batch = tf.where(tf.gather(mirrored, within)[:, None, None, None], batch[:, :, ::-1], batch)
      result[turn] = Examples(
          tf.reshape(batch, [updates, share, *batch.shape[1:]]),
          tf.reshape(tf.gather(self._labels, chosen), [updates, share]))
      offset += updates * size
    return result
