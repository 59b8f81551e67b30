"""Names the rounds of a ladder, and reads the file in which a ladder describes itself."""

import json
import pathlib

DENSE = 'dense'  # the stage of round 0
DESCRIPTION = 'ladder.json'  # in the workdir of a ladder: for reports, and for other ladders


def round_name(index: int) -> str:
  """Returns the name of the stage of a round, which is that of its folder, too."""
  return f'round-{index:02d}'


def is_round(stage: str) -> bool:
  """Tells whether a stage is a round after the dense one, by its name."""
  return stage.startswith('round-')


def index_of(stage: str) -> int:
  """Returns the index of a round from the name of its stage; 0 for the dense one."""
  return 0 if stage == DENSE else int(stage.removeprefix('round-'))


def read_description(ladder: pathlib.Path) -> dict:
  """Returns how a ladder describes itself; {} without a description."""
  file = ladder / DESCRIPTION
  return json.loads(file.read_text()) if file.exists() else {}
