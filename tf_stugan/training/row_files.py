"""Reads and writes files of rows: one JSON object in each line, appended at the end."""

from collections.abc import Mapping
import contextlib
import json
import os
import pathlib

from tf_stugan import errors
from tf_stugan import output_files


def append(path: pathlib.Path, row: Mapping[str, object]) -> None:
  """Appends a row to a file, which is created if needed; a line that was cut off before stays a line of its own."""
  with open(path, 'ab+') as file:
    if file.tell() and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b'\n':
      file.write(b'\n')
    file.write(json.dumps(row).encode() + b'\n')


def read(path: pathlib.Path) -> list[dict]:
  """Returns the rows of a file, without damaged lines: the last one may be cut off after a crash; [] without a file."""
  rows = []
  if path.exists():
    for line in path.read_text().splitlines():
      with contextlib.suppress(json.JSONDecodeError):
        rows.append(json.loads(line))
  return rows


def truncate(path: pathlib.Path, step: int, repeated: str = '') -> None:
  """Removes rows after `step`, and those at `step` of the kinds `repeated`, so that a resumed run writes no row twice."""
  kept = [row for row in read(path) if row['step'] < step or (row['step'] == step and row.get('kind') != repeated)
          ] if step else []
  output_files.write_whole(path, ''.join(json.dumps(row) + '\n' for row in kept))


def sync(path: pathlib.Path) -> None:
  """Waits until the rows are on the disk, where they survive a power cut."""
  if path.exists():
    with errors.naming(path), open(path, 'a') as file:
      os.fsync(file.fileno())
