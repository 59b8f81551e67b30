"""What TensorFlow and its converter print to standard error, past any log level: kept back, and shown where something fails.

TF_CPP_MIN_LOG_LEVEL=0 (as --verbosity=1 sets it, for processes that are started, too) lets everything through.
"""

from collections.abc import Iterator
import contextlib
import importlib.abc
import importlib.util
import logging
import os
import sys
import tempfile

import absl.logging

_LEVEL = 'TF_CPP_MIN_LOG_LEVEL'


def set_verbosity(verbosity: int, errors_are_of_interest: bool) -> None:
  """Sets the levels of TensorFlow, before it is imported, and of the libraries that log by absl.

  Args:
    verbosity: 0, or 1 for everything.
    errors_are_of_interest: where only the C++ code says why a long computation failed.
  """
  absl.logging.set_verbosity(absl.logging.DEBUG if verbosity else absl.logging.ERROR)  # TensorFlow Datasets and its like
  logging.getLogger('tensorflow').setLevel(logging.DEBUG if verbosity else logging.ERROR)  # its Python side
  if verbosity:
    os.environ[_LEVEL] = '0'
  os.environ.setdefault(_LEVEL, '2' if errors_are_of_interest else '3')


@contextlib.contextmanager
def hold_back() -> Iterator[int]:
  """Keeps back what this process writes to file descriptor 2; shows it if an error passes, which Ctrl-C is not.

  Yields a descriptor that leads to where standard error did.
  """
  if os.environ.get(_LEVEL) == '0' or sys.stderr is None:
    yield 2
    return
  sys.stderr.flush()
  terminal = os.dup(2)
  with tempfile.TemporaryFile() as capture:
    os.dup2(capture.fileno(), 2)
    try:
      yield terminal
    except Exception:
      sys.stderr.flush()
      capture.seek(0)
      os.write(terminal, capture.read())
      raise
    finally:
      sys.stderr.flush()
      os.dup2(terminal, 2)
      os.close(terminal)


class _TensorFlowFinder(importlib.abc.MetaPathFinder):
  """Imports TensorFlow as ever, but quietly: what it prints then comes before its level is read."""

  def find_spec(self, name, path=None, target=None):
    if name != 'tensorflow':
      return None
    sys.meta_path.remove(self)
    if (spec := importlib.util.find_spec(name)) is not None:
      spec.loader.exec_module = _quietly(spec.loader.exec_module)
    return spec


def _quietly(execute):
  def exec_module(module):
    with hold_back():
      execute(module)
  return exec_module


def import_tensorflow_quietly() -> None:
  """Has TensorFlow be quiet if it is imported some time from now."""
  if 'tensorflow' not in sys.modules:
    sys.meta_path.insert(0, _TensorFlowFinder())
