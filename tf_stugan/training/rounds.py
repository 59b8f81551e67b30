"""Rounds of a ladder by their names, and the file in which a ladder says what belongs to it."""

import json
import pathlib

DENSE = 'dense'  # the stage of round 0
DESCRIPTION = 'ladder.json'  # in the workdir of a ladder: for reports, and for other ladders


def round_name(index: int) -> str:
  """Names the stage of a round, and its folder."""
  return f'round-{index:02d}'


def is_round(stage: str) -> bool:
  """Tells whether a stage is a round after the dense one, by its name."""
  return stage.startswith('round-')


def index_of(stage: str) -> int:
  """Returns the index of a round, by the name of its stage; 0 of the dense one."""
  return 0 if stage == DENSE else int(stage.removeprefix('round-'))


def read_description(ladder: pathlib.Path) -> dict:
  """Returns what a ladder says of itself; {} where it says nothing."""
  file = ladder / DESCRIPTION
  return json.loads(file.read_text()) if file.exists() else {}
