"""Locks a workdir, so that one process at a time has it. The lock ends with its process, however that ends."""

from collections.abc import Iterator
import contextlib
import datetime
import fcntl
import logging
import os
import pathlib
import socket

from tf_stugan import errors

_LOG = logging.getLogger(__name__)

FILE = '.lock'  # in the workdir; says who has it


@contextlib.contextmanager
def hold(workdir: pathlib.Path, shared: bool = False) -> Iterator[None]:
  """Holds a workdir for this process while entered.

  Args:
    workdir: the folder, which exists.
    shared: hold it together with other processes that share it.

  Raises:
    UserError: another process holds it, which the message names; or the file system has no locks.
  """
  with open(workdir / FILE, 'ab+', buffering=0) as file:
    _take(file, workdir, shared)
    if shared:
      yield
      return
    _sign(file, workdir)
    try:
      yield
    finally:  # a process that is killed does not come here: the next one tells of it
      file.truncate(0)


def is_held(workdir: pathlib.Path) -> bool:
  """Tells whether some process holds a workdir now."""
  if not (workdir / FILE).exists():
    return False
  with open(workdir / FILE, 'rb') as file:
    try:
      fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
      return True
    except OSError:  # there are no locks; who takes it will say so
      return False
  return False


def _take(file, workdir, shared):
  try:
    fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
  except BlockingIOError as error:
    holder = _read(file) or 'one or several that train some of its rounds'
    raise errors.UserError(f'{workdir} is in use by another run: {holder}') from error
  except OSError as error:
    raise errors.UserError(f'{workdir} cannot be locked ({error.strerror}), so two processes might write in it. Take a '
                           'folder on a file system that has locks (flock).') from error


def _sign(file, workdir):
  """Writes which process holds it now, and says if the one before did not end in order."""
  if before := _read(file):
    _LOG.info('%s was left locked by %s, which is gone; its lock is taken over.', workdir, before)
  file.truncate(0)
  started = datetime.datetime.now().isoformat(timespec='seconds')
  with errors.naming(workdir / FILE):
    file.write(f'process {os.getpid()} on {socket.gethostname()}, started {started}\n'.encode())


def _read(file):
  file.seek(0)
  return file.read().decode().strip()
