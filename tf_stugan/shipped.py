"""Folders that come with the library beside its code."""

import pathlib

import tf_stugan


def folder(name: str) -> pathlib.Path:
  """Returns where `gin_configs`, `web` or `gallery` is: inside the installed package, or beside it in a checkout."""
  package = pathlib.Path(tf_stugan.__file__).parent
  inside = package / name
  return inside if inside.is_dir() else package.parent / name
