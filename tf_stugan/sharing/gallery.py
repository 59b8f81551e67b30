"""Generators that come with the library, by name; tools/make_gallery.py puts them there."""

import pathlib

import tf_stugan
from tf_stugan import errors


def root() -> pathlib.Path:
  """Returns the folder of the gallery: inside the installed package, or beside it in a checkout."""
  package = pathlib.Path(tf_stugan.__file__).parent
  inside = package / 'gallery'
  return inside if inside.is_dir() else package.parent / 'gallery'


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
