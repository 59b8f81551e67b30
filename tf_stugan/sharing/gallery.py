"""Generators that come with the library, by name; tools/make_gallery.py puts them there."""

import pathlib

from tf_stugan import errors
from tf_stugan import shipped


def root() -> pathlib.Path:
  """Returns the folder of the gallery."""
  return shipped.folder('gallery')


def names() -> list[str]:
  """Lists what is in it."""
  return sorted(card.parent.name for card in root().glob('*/card.json'))


def find(name: str) -> pathlib.Path:
  """Returns where a packed generator is: in the gallery for one of its names that no file or folder here has, else there.

  Raises:
    DataError: it is neither.
  """
  path, known = pathlib.Path(name).expanduser(), names()
  if path.exists() or not known:
    return path
  if name not in known:
    raise errors.DataError(f'{name} is not there, and the gallery has {", ".join(known)}.')
  return root() / name
