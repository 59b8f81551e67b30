"""Image files: finding them below a folder, and decoding them side by side."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent import futures
import hashlib
import itertools
import os
from typing import NamedTuple, TypeVar
import warnings

from tf_stugan.data import pixels
from tf_stugan.data.stored_images import Example

_AT_A_TIME = 256  # images in flight
_In, _Out = TypeVar('_In'), TypeVar('_Out')


class File(NamedTuple):
  """One image file: its path below the root, and its class."""

  path: str
  label: int


def find(root: str) -> tuple[list[str], dict[str, list[str]]]:
  """Finds image files below a folder, at any depth, as sorted paths relative to it.

  Links to folders are followed, each folder once.

  Returns:
    What has the suffix of an image, and what was passed over: {why: paths}.
  """
  found, ignored, seen = [], {}, set()
  for folder, folders, files in os.walk(root, followlinks=True):
    real = os.path.realpath(folder)
    hidden = [f for f in folders if f.startswith('.')]
    folders[:] = sorted({*folders} - {*hidden}) if real not in seen else []
    for name in (*hidden, *files) if real not in seen else []:
      path = os.path.relpath(os.path.join(folder, name), root)
      if name.startswith('.'):
        ignored.setdefault('hidden', []).append(path)
      elif os.path.splitext(name)[1].lower() not in pixels.SUFFIXES:
        ignored.setdefault('without the suffix of an image', []).append(path)
      else:
        found.append(path)
    seen.add(real)
  return sorted(found), {why: sorted(paths) for why, paths in ignored.items()}


def identity(root: str, files: Iterable[File]) -> str:
  """Changes where a file is added, removed, renamed, given another class or another length."""
  digest = hashlib.sha256()
  for file in files:
    try:
      size = os.stat(os.path.join(root, file.path)).st_size
    except OSError:
      size = -1  # a link to nowhere; decoding will tell
    digest.update(os.fsencode(f'{file.path}\0{file.label}\0{size}\0'))
  return digest.hexdigest()


def read(root: str, files: Sequence[File], channels: int, resolution: int | None) -> Iterator[Example]:
  """Decodes files, and brings them to one size where a resolution is given, in their order."""
  def example(file):
    try:
      decoded = pixels.decode(os.path.join(root, file.path), channels)
    except pixels.BadImageError as error:
      return Example(file.path, file.label, problem=str(error))
    image = pixels.square(decoded.image, resolution) if resolution else decoded.image
    return Example(file.path, file.label, image, decoded.size, decoded.remarks)
  return in_parallel(example, files)


def in_parallel(fn: Callable[[_In], _Out], items: Iterable[_In]) -> Iterator[_Out]:
  """Yields fn of each item in order, on all cores (Pillow works without Python's lock), with few in memory at a time."""
  items = iter(items)
  with futures.ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
    while chunk := list(itertools.islice(items, _AT_A_TIME)):
      with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # what Pillow thinks of odd metadata; a file is good or listed
        results = list(pool.map(fn, chunk))
      yield from results
