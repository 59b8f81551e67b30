"""Lists the checkpoints of a folder by their names alone."""

import os
import pathlib

PREFIX = 'step-'


def list_checkpoints(folder: pathlib.Path) -> list[pathlib.Path]:
  """Lists the checkpoints in a folder, oldest first, complete or not."""
  if not folder.exists():
    return []
  # Not by a pattern: it finds nothing where a folder must not be read, and the run would begin anew.
  steps = [name for name in os.listdir(folder) if name.startswith(PREFIX) and name.removeprefix(PREFIX).isdigit()]
  return sorted((folder / name for name in steps), key=step_of)  # as text, 100,000,000 comes before 99,999,999


def newest_step(folder: pathlib.Path) -> int:
  """Returns the step of the newest checkpoint in a folder, by its name; 0 without one."""
  return max(map(step_of, list_checkpoints(folder)), default=0)


def step_of(path: pathlib.Path) -> int:
  """Returns the step of a checkpoint, by its name."""
  return int(path.name.removeprefix(PREFIX))
