"""What a user is told, in one line, and the exit code that goes with it.

Raise one of these where the mistake is found; `cli.main` prints the message without a traceback. The message says
what is wrong, where, and what to do instead. The `check_` functions do so for the numbers that constructors are given.
"""

from collections.abc import Iterator, Sequence
import contextlib
import errno
import math
import numbers
import os
import re
import sys


class UserError(Exception):
  """Something the user can put right. The base class is also a usage or configuration error."""

  exit_code = 2


class DataError(UserError):
  """The data set is missing, unreadable or too small for what was asked."""

  exit_code = 3


class DataLostError(DataError):
  """Data that were there when training began cannot be read any more."""


class DivergedError(UserError):
  """A loss became NaN or infinite."""

  exit_code = 4


class DisagreementError(UserError):
  """Replicas that have to be equal are not."""

  exit_code = 4


class CheckpointError(UserError):
  """The workdir holds checkpoints, and none of them can be used."""

  exit_code = 5


class DiskError(UserError):
  """A checkpoint could not be written: disk full, or read-only."""

  exit_code = 6


class WorkerLostError(UserError):
  """Another process of the same run is gone, or never came; start all of them again."""

  exit_code = 7


class OutOfMemoryError(UserError):
  """A batch, a network or a data set does not fit into memory."""

  exit_code = 8


class Interrupted(UserError):
  """The run was stopped on request, saved, and can be resumed."""

  exit_code = 42


def message(error: Exception) -> str:
  """Returns what an error says, without the lines in which gin adds where it called the constructor that complained."""
  return str(error).split('\n  In call to')[0]


def explain(error: BaseException) -> UserError | None:
  """Returns what went wrong as an error of this file, of any error that has to do with the machine or with what was asked.

  None is a fault of this program.
  """
  if isinstance(error, UserError):
    return error
  if isinstance(error, OSError):  # a folder that is read-only, a disk that is full ...
    kind = DiskError if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else UserError
    return kind(f'{error.filename}: {error.strerror}' if error.filename else str(error))
  tensorflow = sys.modules.get('tensorflow')  # a command that never needed it cannot have raised its errors
  if isinstance(error, (MemoryError, *([tensorflow.errors.ResourceExhaustedError] if tensorflow else []))):
    if (full := os.strerror(errno.ENOSPC)) in str(error):
      return DiskError(re.search(f'[^\n]*{full}', str(error))[0])
    what = re.search(r'(OOM|Unable to allocate).*?(?= on /job|$)', str(error), re.MULTILINE)
    return OutOfMemoryError(
        f'There is not enough memory ({what[0] if what else type(error).__name__}). Lower the size that is too large '
        "(GENERATOR_BATCH, DISCRIMINATOR_BATCH, widths, windows), raise ACCUMULATION_STEPS, or take PRECISION = 'bfloat16'. "
        'Checkpoints are untouched.')
  return None


def first_line(error: BaseException) -> str:
  """Returns the first line of what an error says, at most 200 characters; its type where it says nothing."""
  return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


@contextlib.contextmanager
def naming(path: os.PathLike) -> Iterator[None]:
  """Gives an OSError raised in it the name of the file, which those of writing and syncing do not have."""
  try:
    yield
  except OSError as error:
    error.filename = error.filename or str(path)
    raise


LARGEST_SEED = 2**32 - 1  # of a run; see rng.seed


def check_counts(owner: object, least: int = 1, most: float = math.inf, **values) -> None:
  """Raises UserError, with the name of the argument, unless each value is a whole number of [least, most]."""
  for name, value in values.items():
    if not (isinstance(value, numbers.Integral) and least <= value <= most):
      rule = f'at least {least}' if most == math.inf else f'from {least} to {most}'
      raise UserError(f'{_name(owner)}.{name} is a whole number, {rule}; got {value!r}.')


def check_within(owner: object, least: float, most: float, **values) -> None:
  """Raises UserError, with the name of the argument, unless each value is a number of [least, most]."""
  for name, value in values.items():
    if not (isinstance(value, numbers.Real) and least <= value <= most):
      raise UserError(f'{_name(owner)}.{name} is a number in [{least:g}, {most:g}]; got {value!r}.')


def check_choice(owner: object, choices: Sequence[str], **values) -> None:
  """Raises UserError, with the name of the argument, unless each value is one of the choices."""
  for name, value in values.items():
    if value not in choices:
      raise UserError(f'{_name(owner)}.{name} is one of {", ".join(choices)}; got {value!r}.')


def check_density(density: float) -> None:
  """Raises UserError unless it is in (0, 1]."""
  if not (isinstance(density, numbers.Real) and 0 < density <= 1):
    raise UserError(f'A density is the share of weights kept, in (0, 1]; got {density!r}.')


def _name(owner):
  return owner if isinstance(owner, str) else type(owner).__name__
