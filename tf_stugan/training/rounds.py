"""Rounds of a ladder by their names, and the file in which a ladder says what belongs to it."""

import json
import pathlib

DENSE = 'dense'  # the stage of round 0
DESCRIPTION = 'ladder.json'  # in the workdir of a ladder: for reports, and for other ladders


def round_name(index: int) -> str:
  """Names the stage of a round, and its folder."""
  return f'round-{index:02d}'


def number(name: str) -> int:
  """Returns the number of a round, by the name of its stage."""
  return 0 if name == DENSE else int(name.removeprefix('round-'))


def description(ladder: pathlib.Path) -> dict:
  """Returns what a ladder says of itself; {} where it says nothing."""
  file = ladder / DESCRIPTION
  return json.loads(file.read_text()) if file.exists() else {}
