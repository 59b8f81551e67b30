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
  """config.gin, operative_config.gin, metrics.jsonl, checkpoints/, samples/, events (TensorBoard).

  Args:
    path: the folder.
    create: make it if it does not exist.

  Raises:
    UserError: it does not exist, or cannot be written to.
  """

  def __init__(self, path: str, create: bool = False):
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
    with open(self.path / '.lock', 'a+') as file:
      try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
      except OSError as error:
        file.seek(0)
        raise errors.UserError(f'{self.path} is in use by another run: {file.read().strip()}') from error
      file.seek(0)
      if before := file.read().strip():
        _LOG.info('%s was left locked by %s, which is gone; its lock is taken over.', self.path, before)
      file.truncate(0)
      started = datetime.datetime.now().isoformat(timespec='seconds')
      file.write(f'process {os.getpid()} on {socket.gethostname()}, started {started}\n')
      file.flush()
      try:
        yield
      finally:  # a process that is killed does not come here: the next one tells of it
        file.truncate(0)

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
    temporary = self.metrics.with_suffix('.tmp')
    temporary.write_text(''.join(json.dumps(row) + '\n' for row in kept))
    os.replace(temporary, self.metrics)
