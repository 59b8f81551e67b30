"""Prepared data sets: images that were decoded and resized once, in a form that can be read in any order without more work.

A prepared set is a folder with `images.bin` (uint8 [N, H, W, C], row after row), `labels.npy` (int32 [N]) and, written last,
`manifest.json`. It is written under another name and renamed, so it is there whole or not at all.
"""

from collections.abc import Iterable, Iterator, Sequence
import contextlib
import fcntl
import itertools
import json
import logging
import os
import pathlib
import shutil

import numpy as np

from tf_stugan import errors
from tf_stugan.data.images import Images

_LOG = logging.getLogger(__name__)

_FORMAT = 1
_FILES = ('images.bin', 'labels.npy', 'manifest.json')
_MARGIN = 2**30  # bytes that stay free on the disk


def write(folder: pathlib.Path, images: Iterable[tuple[np.ndarray, int]], count: int, name: str,
          classes: Sequence[str], identity: str) -> None:
  """Writes a prepared set, of which nothing is there yet.

  Args:
    folder: to make; its parents are made, too.
    images: pairs of uint8 [H, W, C] and label; at least one.
    count: the most images there can be, to see whether they will fit.
    name: of the data set.
    classes: names, by label.
    identity: tells whether the originals have changed since.

  Raises:
    DiskError: the disk is too full, or cannot be written to; nothing is left behind.
    DataError: it is there already, or another process is writing it.
  """
  temporary = folder.with_name(f'.writing-{folder.name}')
  try:
    with _lock(folder), _scratch(temporary):
      if folder.exists():
        raise errors.DataError(f'{folder} is there already. Delete that folder to prepare it again.')
      manifest = {'format': _FORMAT, 'name': name, 'num_classes': len(classes), 'classes': list(classes),
                  'identity': identity, 'shape': _write_arrays(temporary, images, count)}
      manifest['fingerprint'] = _map(temporary, manifest).fingerprint
      (temporary / 'manifest.json').write_text(json.dumps(manifest, indent=1))
      os.rename(temporary, folder)
  except OSError as error:
    raise errors.DiskError(f'{folder} cannot be written: {error.strerror}. Nothing was left there.') from error


@contextlib.contextmanager
def _scratch(folder) -> Iterator[None]:
  _remove(folder)  # of a process that was killed
  folder.mkdir()
  try:
    yield
  finally:
    _remove(folder)  # not there any more, unless something went wrong


def _remove(folder):
  """Removes what `write` makes, and nothing else."""
  for name in _FILES:
    (folder / name).unlink(missing_ok=True)
  if folder.is_dir():
    folder.rmdir()


def _write_arrays(temporary, images, count):
  images = iter(images)
  first = next(images)
  needed, free = count * first[0].nbytes, shutil.disk_usage(temporary).free
  if needed + _MARGIN > free:
    raise errors.DiskError(
        f'{temporary.parent} has {free / 1e9:.1f} GB free; the prepared images need {needed / 1e9:.1f} GB, and 1 GB is '
        'kept. Make room, or take another --data_dir.')
  _LOG.info('Writing %.3g GB to %s (%.3g GB free) ...', needed / 1e9, temporary, free / 1e9)
  labels = []
  # Plain writes fail on a full disk with an error; a memory-mapped file would end the process.
  with open(temporary / 'images.bin', 'wb') as file:
    for image, label in itertools.chain([first], images):
      file.write(np.ascontiguousarray(image).data)
      labels.append(label)
  np.save(temporary / 'labels.npy', np.asarray(labels, np.int32))
  return [len(labels), *first[0].shape]


@contextlib.contextmanager
def _lock(folder) -> Iterator[None]:
  folder.parent.mkdir(parents=True, exist_ok=True)
  with open(folder.with_name(f'.{folder.name}.lock'), 'w') as file:
    try:
      fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
      raise errors.DataError(f'Another process is preparing {folder}.') from error
    yield


def identity(folder: pathlib.Path) -> str:
  """Returns what the originals were when the set was written."""
  return _manifest(folder)['identity']


def load(folder: pathlib.Path) -> Images:
  """Maps a prepared set into memory: costs no memory, and nothing is read yet.

  Raises:
    DataError: a file is missing or has another length than it was written with.
  """
  try:
    return _map(folder, _manifest(folder))
  except (OSError, ValueError, KeyError, TypeError) as error:
    raise errors.DataError(
        f'The prepared data set {folder} is damaged ({error}). Delete that folder and prepare it again.') from error


def _map(folder, manifest):
  shape = tuple(manifest['shape'])
  size = os.path.getsize(folder / 'images.bin')
  if size != np.prod(shape, dtype=np.int64):
    raise ValueError(f'images.bin has {size} bytes, not those of {shape}')
  labels = np.load(folder / 'labels.npy', allow_pickle=False)
  if labels.shape != shape[:1]:
    raise ValueError(f'{labels.shape} labels of {shape[0]} images')
  images = np.memmap(folder / 'images.bin', np.uint8, 'r', shape=shape)
  return Images(manifest['name'], images, labels, manifest['num_classes'], manifest.get('fingerprint'),
                manifest.get('classes', ()))


def verify(folder: pathlib.Path) -> None:
  """Reads everything, and raises DataError where it is not what was written."""
  data = load(folder)
  if Images(data.name, data.images, data.labels, data.num_classes).fingerprint != data.stored_fingerprint:
    raise errors.DataError(f'The prepared data set {folder} is damaged (SHA-256). Delete that folder and prepare it again.')


def _manifest(folder):
  try:
    manifest = json.loads((folder / 'manifest.json').read_text())
    if manifest['format'] != _FORMAT:
      raise ValueError(f'format {manifest["format"]}, and this version reads {_FORMAT}')
    return manifest
  except (OSError, ValueError, KeyError, TypeError) as error:
    raise errors.DataError(
        f'The prepared data set {folder} is damaged (manifest.json: {error}). Delete that folder and prepare it '
        'again.') from error
