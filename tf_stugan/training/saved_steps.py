"""Which checkpoints a folder holds, by their names alone."""

import os
import pathlib

PREFIX = 'step-'


def list_checkpoints(folder: pathlib.Path) -> list[pathlib.Path]:
  """Lists the checkpoints in a folder, oldest first, complete or not."""
  if not folder.exists():
    return []
  # Not by a pattern: it finds nothing where a folder must not be read, and the run would begin anew.
  names = sorted(name for name in os.listdir(folder) if name.startswith(PREFIX))
  return [folder / name for name in names if name.removeprefix(PREFIX).isdigit()]


def newest_step(folder: pathlib.Path) -> int:
  """Returns the step of the newest checkpoint in a folder, by its name; 0 without one."""
  return max(map(step_of, list_checkpoints(folder)), default=0)


def step_of(path: pathlib.Path) -> int:
  """Returns the step of a checkpoint, by its name."""
  return int(path.name.removeprefix(PREFIX))
