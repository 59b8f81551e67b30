"""Data sets on disk: read into memory where they fit, else prepared once and streamed."""

import abc
import collections
from collections.abc import Callable, Iterator, Mapping, Sequence
import dataclasses
import hashlib
import json
import logging
import os
import pathlib
import re
import time
from typing import NamedTuple

import numpy as np

from tf_stugan import errors
from tf_stugan.data import prepared
from tf_stugan.data.images import Images
from tf_stugan.data.images import ImageSource

_LOG = logging.getLogger(__name__)

MEMORY_LIMIT = 4 * 2**30  # bytes
_PATIENCE = 10  # seconds


class Example(NamedTuple):
  """One image of a data set, or what is wrong with it.

  Attributes:
    name: of the file or record.
    label: its class.
    image: uint8 [H, W, C] as it is trained on, or None where it cannot be used.
    size: (height, width) before it was brought to that size.
    remarks: what had to be converted.
    problem: why it cannot be used.
  """

  name: str
  label: int
  image: np.ndarray | None = None
  size: tuple[int, int] | None = None
  remarks: Sequence[str] = ()
  problem: str = ''


class Listing(NamedTuple):
  """What a data set holds, as far as it can be told without reading a pixel.

  Attributes:
    name: as it is reported, with what is done to the images.
    count: the most images there can be.
    classes: names, by label.
    identity: changes where the originals do.
    read: gives all examples, in an order that is always the same.
    ignored: names of what is no example, by why.
  """

  name: str
  count: int
  classes: Sequence[str]
  identity: str
  read: Callable[[], Iterator[Example]]
  ignored: Mapping[str, Sequence[str]] = {}


@dataclasses.dataclass
class Survey:
  """What reading a data set from end to end has shown.

  Attributes:
    listing: of the data set.
    sizes: how many images have which (height, width) before they are brought to one.
    shapes: how many have which (H, W, C) then.
    labels: how many usable images there are of each class.
    remarks: how many images had to be converted, by how.
    problems: names of what was left out, by why.
  """

  listing: Listing
  sizes: collections.Counter = dataclasses.field(default_factory=collections.Counter)
  shapes: collections.Counter = dataclasses.field(default_factory=collections.Counter)
  labels: collections.Counter = dataclasses.field(default_factory=collections.Counter)
  remarks: collections.Counter = dataclasses.field(default_factory=collections.Counter)
  problems: dict[str, list[str]] = dataclasses.field(default_factory=dict)

  def __post_init__(self):
    self.problems.update({why: list(names) for why, names in self.listing.ignored.items()})

  @property
  def usable(self) -> int:
    return self.labels.total()

  @property
  def empty_classes(self) -> list[str]:
    """Names of the classes of which no image can be used."""
    return [name for label, name in enumerate(self.listing.classes) if not self.labels[label]]

  def add(self, example: Example) -> None:
    if example.image is None:
      self.problems.setdefault(example.problem, []).append(example.name)
      return
    self.sizes[example.size] += 1
    self.shapes[example.image.shape] += 1
    self.labels[example.label] += 1
    self.remarks.update(example.remarks)

  def left_out(self) -> str:
    """Says what was left out, in one line; empty where nothing was."""
    return '; '.join(f'{len(names)} {why} ({_few(names)})' for why, names in sorted(self.problems.items()))


def printable(name: str) -> str:
  """Writes a file name as it can stand in a line of any log: names may hold line breaks, and bytes that are no text."""
  return ''.join(c if c.isprintable() else '?' for c in name)


def _few(names: Sequence[str]) -> str:
  """Names the first three."""
  return ', '.join([*map(printable, names[:3]), *(['...'] if len(names) > 3 else [])])


def data_root(data_dir: str | None) -> pathlib.Path:
  """Returns the folder of data sets: --data_dir, or the one that TensorFlow Datasets uses."""
  return pathlib.Path(data_dir or '~/tensorflow_datasets').expanduser()


class StoredImages(ImageSource):
  """A data set whose originals may have to be decoded and resized, and may be more than memory holds.

  `load` takes the prepared set if there is one; otherwise it reads the originals into memory, or refuses where they would
  take more than `memory_limit`. `prepare` writes the prepared set; it alone writes anything. All attributes that a
  constructor sets, other than `memory_limit`, tell one prepared set from another.

  Args:
    resolution: height and width to bring the images to, in pixels (`pixels.square_rule`); None leaves them as they are.
    memory_limit: the most bytes of pixels to hold in memory.
  """

  def __init__(self, resolution: int | None, memory_limit: int):
    if resolution is not None:
      errors.check_counts(self, resolution=resolution)
    self.resolution = resolution
    self.memory_limit = memory_limit

  @abc.abstractmethod
  def listing(self, data_dir: str | None = None) -> Listing:
    """Lists what is there. Raises DataError, which says how to get the set, where it is missing or cannot be read."""

  def prepared_folder(self, data_dir: str | None = None) -> pathlib.Path:
    """Returns where the prepared set of these settings is, or would be."""
    settings = {key: value for key, value in vars(self).items() if key != 'memory_limit'}
    text = json.dumps([type(self).__name__, settings], sort_keys=True, default=str)
    telling = (settings.get(key) for key in ('name', 'path', 'split', 'resolution'))
    words = [type(self).__name__, *(os.path.basename(str(value)) for value in telling if value)]
    readable = re.sub(r'[^A-Za-z0-9._-]+', '-', '-'.join(words))[:80]
    return data_root(data_dir) / 'prepared' / f'{readable}-{hashlib.sha256(text.encode()).hexdigest()[:8]}'

  def load(self, data_dir=None):
    folder = self.prepared_folder(data_dir)
    if folder.is_dir():
      self._check_originals(folder, data_dir)
      data = prepared.load(folder)
      _LOG.info('%s is streamed from %s', data.name, folder)
      return data
    listing = self.listing(data_dir)
    survey = Survey(listing)
    images, labels = None, []
    for image, label in _usable(listing, survey):
      if images is None:
        self._check_memory(listing.name, listing.count, image.nbytes, data_dir)
        images = np.empty((listing.count, *image.shape), np.uint8)
      images[len(labels)] = image
      labels.append(label)
    if survey.problems:
      _LOG.warning('%s: %d usable images. Left out: %s', listing.name, survey.usable, survey.left_out())
    if empty := survey.empty_classes:
      _LOG.warning('%s: %d of %d classes have no image: %s', listing.name, len(empty), len(listing.classes), _few(empty))
    return Images(
        listing.name, images[:len(labels)], np.asarray(labels, np.int32), len(listing.classes), classes=listing.classes)

  def survey(self, data_dir: str | None = None) -> Survey:
    """Reads all originals, and keeps what there is to know of them. Raises DataError where they are missing."""
    listing = self.listing(data_dir)
    survey = Survey(listing)
    for example in _read(listing):
      survey.add(example)
    return survey

  def prepare(self, data_dir: str | None = None) -> Survey:
    """Writes the prepared set, which `load` takes from then on. Returns what the originals were.

    Raises:
      DataError: the data set is missing, or has no usable image, or is prepared already, or just now by another process.
      DiskError: it does not fit on the disk, or cannot be written; nothing is left behind.
    """
    listing = self.listing(data_dir)
    survey = Survey(listing)
    prepared.write(self.prepared_folder(data_dir), _usable(listing, survey), listing.count, listing.name,
                   listing.classes, listing.identity)
    return survey

  def _check_originals(self, folder, data_dir):
    """Compares the originals with those that a prepared set was made of; it may travel without them."""
    try:
      identity = self.listing(data_dir).identity
    except errors.DataError:
      return
    if identity != prepared.identity(folder):
      raise errors.DataError(
          f'The originals of {folder} have changed since it was prepared. Delete that folder; then they are read again, or '
          'prepared again with: tf-stugan data prepare')

  def _check_memory(self, name, count, image_bytes, data_dir):
    if (needed := count * image_bytes) > self.memory_limit:
      raise errors.DataError(
          f'{name}: {count} images take {needed / 1e9:.3g} GB in memory; memory_limit is {self.memory_limit / 1e9:.3g} GB. '
          'To stream them from disk, have them written there once: tf-stugan data prepare, with the same --gin_file, '
          f'--gin_param and --data_dir ({needed / 1e9:.3g} GB in {self.prepared_folder(data_dir).parent}).')


def _read(listing: Listing) -> Iterator[Example]:
  """Reads all examples; says now and then how far it is."""
  said = time.monotonic()
  for number, example in enumerate(listing.read()):
    yield example
    if time.monotonic() > said + _PATIENCE:
      said = time.monotonic()
      _LOG.info('%s: read %d of %d images', listing.name, number + 1, listing.count)


def _usable(listing: Listing, survey: Survey) -> Iterator[tuple[np.ndarray, int]]:
  """Yields (image, label) of what can be used, surveys the rest. Raises DataError for mixed sizes, or no image."""
  for example in _read(listing):
    survey.add(example)
    if example.image is None:
      continue
    if len(survey.shapes) > 1:
      raise errors.DataError(
          f'{listing.name} has images of several sizes ({", ".join(map(str, survey.shapes))}: '
          f'{printable(example.name)}); set a resolution to bring them to one.')
    yield example.image, example.label
  if not survey.usable:
    raise errors.DataError(f'{listing.name} has no usable image. Left out: {survey.left_out() or "nothing"}')
