"""Stores variables under names of their own, so that a part of a run can be read into another run."""

from collections.abc import Iterable, Mapping
import contextlib
import pathlib
import re
import tempfile

import numpy as np
import tensorflow as tf

Parts = Mapping[str, Mapping[str, tf.Variable]]  # as `Trainer.parts` has them; 'PART/PLAYER' is that of one player


class MismatchError(ValueError):
  """A file does not have exactly the variables that are wanted of it."""


def write(prefix: pathlib.Path, parts: Parts) -> None:
  """Writes the values of all variables as tensors 'PART/NAME', in TensorFlow's checkpoint format."""
  variables = {f'{part}/{name}': v for part, named in parts.items() for name, v in named.items()}
  tf.raw_ops.SaveV2(
      prefix=str(prefix), tensor_names=list(variables), shape_and_slices=[''] * len(variables),
      tensors=[tf.convert_to_tensor(v) for v in variables.values()])


def read(prefix: pathlib.Path, parts: Parts) -> None:
  """Assigns to these variables what `write` wrote; other parts of the file are not read.

  Raises:
    MismatchError: a part has other names, or other shapes, than the file; then nothing is assigned.
    tf.errors.OpError: the file is missing or damaged.
  """
  with _literal(prefix) as path:
    reader = tf.train.load_checkpoint(path)
    for name, variable in _check(reader, parts).items():
      variable.assign(reader.get_tensor(name))


def read_values(prefix: pathlib.Path, part: str) -> dict[str, np.ndarray]:
  """Returns what `write` wrote of a part, or of one player's share of it ('weights/generator'), by name.

  Raises:
    tf.errors.OpError: the file is missing or damaged.
  """
  with _literal(prefix) as path:
    reader = tf.train.load_checkpoint(path)
    return {name.removeprefix(f'{part}/'): reader.get_tensor(name) for name in reader.get_variable_to_shape_map()
            if name.startswith(f'{part}/')}


def check(prefix: pathlib.Path, parts: Parts) -> None:
  """Raises what `read` would for the names and shapes in a file, and assigns nothing."""
  with _literal(prefix) as path:
    _check(tf.train.load_checkpoint(path), parts)


def _check(reader, parts):
  """Returns the variables by their names in the file."""
  wanted = {f'{part}/{name}': v for part, named in parts.items() for name, v in named.items()}
  found = reader.get_variable_to_shape_map()
  _check_names(wanted, (name for name in found if name.startswith(tuple(f'{part}/' for part in parts))))
  for name, variable in wanted.items():
    if tuple(found[name]) != tuple(variable.shape):
      raise MismatchError(f'{name} is {list(found[name])} there and {variable.shape.as_list()} here')
  return wanted


def _check_names(wanted: Iterable[str], found: Iterable[str]):
  wanted, found = set(wanted), set(found)
  if missing := sorted(wanted - found):
    raise MismatchError(f'{missing[0]} is not in it{_others(missing)}')
  if unknown := sorted(found - wanted):
    raise MismatchError(f'{unknown[0]} has no place here{_others(unknown)}')


def _others(names):
  return f' (and {len(names) - 1} others)' if len(names) > 1 else ''


@contextlib.contextmanager
def _literal(prefix):
  """Yields a prefix that TensorFlow can read: a link, where it would take the name itself for a pattern."""
  if not re.search(r'[*?\[\\]', str(prefix)):
    yield str(prefix)
    return
  with tempfile.TemporaryDirectory() as folder:
    link = pathlib.Path(folder, 'link')
    link.symlink_to(prefix.parent.resolve(), target_is_directory=True)
    yield str(link / prefix.name)
