"""Which checkpoints a folder holds, by their names alone."""

import pathlib

PREFIX = 'step-'


def list_steps(folder: pathlib.Path) -> list[pathlib.Path]:
  """The checkpoints in a folder, oldest first, complete or not."""
  return sorted(p for p in folder.glob(f'{PREFIX}*') if p.name.removeprefix(PREFIX).isdigit())


def step_of(path: pathlib.Path) -> int:
  """The step of a checkpoint, by its name."""
  return int(path.name.removeprefix(PREFIX))
