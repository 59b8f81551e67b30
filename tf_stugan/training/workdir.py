"""One run is one folder; this file knows what lies where in it."""

import contextlib
import datetime
import fcntl
import json
import logging
import os
import pathlib
import socket

from tf_stugan import errors

_LOG = logging.getLogger(__name__)


class Workdir:
  """config.gin, operative_config.gin, data.json, metrics.jsonl, checkpoints/, samples/, events (TensorBoard).

  Args:
    path: the folder.
    create: make it if it does not exist.

  Raises:
    UserError: it does not exist, cannot be written to, or has a name that TensorFlow does not take.
  """

  def __init__(self, path: str, create: bool = False):
    _check_name(str(path))
    self.path = pathlib.Path(path)
    if create:
      try:
        self.path.mkdir(parents=True, exist_ok=True)
      except OSError as error:
        raise errors.UserError(f'--workdir={path} cannot be made: {error.strerror}.') from error
    elif not self.path.is_dir():
      raise errors.UserError(f'--workdir={path} does not exist. Train there first: tf-stugan train --workdir={path}')
    self.config = self.path / 'config.gin'
    self.operative_config = self.path / 'operative_config.gin'
    self.data = self.path / 'data.json'
    self.metrics = self.path / 'metrics.jsonl'
    self.checkpoints = self.path / 'checkpoints'
    self.samples = self.path / 'samples'
    self.events = self.path / 'events'

  @contextlib.contextmanager
  def lock(self):
    """Holds the workdir for this process while entered; the lock goes with the process, however that ends.

    Raises:
      UserError: another process has it; the message names that one.
    """
    path = self.path / '.lock'
    with open(path, 'ab+', buffering=0) as file:
      try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
      except OSError as error:
        file.seek(0)
        raise errors.UserError(f'{self.path} is in use by another run: {file.read().decode().strip()}') from error
      file.seek(0)
      if before := file.read().decode().strip():
        _LOG.info('%s was left locked by %s, which is gone; its lock is taken over.', self.path, before)
      file.truncate(0)
      started = datetime.datetime.now().isoformat(timespec='seconds')
      with errors.naming(path):
        file.write(f'process {os.getpid()} on {socket.gethostname()}, started {started}\n'.encode())
      try:
        yield
      finally:  # a process that is killed does not come here: the next one tells of it
        file.truncate(0)

  def write(self, file: pathlib.Path, text: str) -> None:
    """All or nothing: a full disk or a kill leaves the file as it was."""
    temporary = file.with_name(file.name + '.tmp')
    try:
      with errors.naming(file), open(temporary, 'w') as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
      os.replace(temporary, file)
    except OSError:
      temporary.unlink(missing_ok=True)
      raise

  def sync_rows(self) -> None:
    """Returns when the rows of metrics.jsonl are on the disk, and would survive a power cut."""
    if self.metrics.exists():
      with errors.naming(self.metrics), open(self.metrics, 'a') as file:
        os.fsync(file.fileno())

  def rows(self) -> list[dict]:
    """The rows of metrics.jsonl, without damaged lines: the last one may be cut off after a crash."""
    if not self.metrics.exists():
      return []
    rows = []
    for line in self.metrics.read_text().splitlines():
      try:
        rows.append(json.loads(line))
      except json.JSONDecodeError:
        continue
    return rows

  def truncate_rows(self, step: int) -> None:
    """Removes rows past `step`, so that no step appears twice after a resume."""
    kept = [row for row in self.rows() if row['step'] <= step] if step else []
    self.write(self.metrics, ''.join(json.dumps(row) + '\n' for row in kept))


def _check_name(path):
  """Raises UserError for a name with which something would fail later: TensorFlow takes text only."""
  try:
    usable = path and b'\0' not in path.encode()
  except UnicodeEncodeError:
    usable = False
  if not usable:
    raise errors.UserError(f'--workdir={path!r} cannot be the folder of a run: its name has to be text in UTF-8, not empty.')
