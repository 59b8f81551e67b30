"""One run is one folder; this file knows what lies where in it."""

import datetime
import fcntl
import json
import os
import pathlib
import socket

from tf_stugan import errors


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

  def lock(self) -> None:
    """Takes the workdir for this process; the lock goes with the process, however it ends.

    Raises:
      UserError: another process has it; the message names that one.
    """
    self._lock = open(self.path / '.lock', 'a+')  # noqa: SIM115  (held open for as long as the process lives)
    try:
      fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
      self._lock.seek(0)
      raise errors.UserError(f'{self.path} is in use by another run: {self._lock.read().strip()}') from error
    self._lock.truncate(0)
    started = datetime.datetime.now().isoformat(timespec='seconds')
    self._lock.write(f'process {os.getpid()} on {socket.gethostname()}, started {started}\n')
    self._lock.flush()

  def rows(self) -> list[dict]:
    """The rows of metrics.jsonl; a last line that was cut off by a crash is left out."""
    if not self.metrics.exists():
      return []
    rows = []
    for line in self.metrics.read_text().splitlines():
      try:
        rows.append(json.loads(line))
      except json.JSONDecodeError:
        break
    return rows

  def truncate_rows(self, step: int) -> None:
    """Removes rows past `step`, so that no step appears twice after a resume."""
    kept = [row for row in self.rows() if row['step'] <= step]
    temporary = self.metrics.with_suffix('.tmp')
    temporary.write_text(''.join(json.dumps(row) + '\n' for row in kept))
    os.replace(temporary, self.metrics)
