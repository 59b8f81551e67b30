"""What a run has cost, and all training that a round of a ladder took, told from their rows."""

from collections.abc import Sequence
import itertools
import math
import pathlib

from tf_stugan.training import rounds
from tf_stugan.training.workdir import Workdir


def cost_rows(rows: Sequence[dict], last_step: int) -> list[dict]:
  """Picks rows that say what a step cost from each mask on; none where they do not begin at step 0."""
  costs = [row for row in rows if row['kind'] == 'cost' and 'step_operations' in row and row['step'] <= last_step]
  return costs if costs and costs[0]['step'] == 0 else []


def add_up(costs: Sequence[dict], last_step: int) -> tuple[float, float]:
  """Returns the operations of all steps up to `last_step`, over the masks that each of them had, and those of the dense run.

  Args:
    costs: as `cost_rows` picks them, at least one.
    last_step: of the steps that count.
  """
  spans = (end - start for start, end in itertools.pairwise([*(row['step'] for row in costs), last_step]))
  spent = sum(span * row['step_operations'] for span, row in zip(spans, costs, strict=True))
  return spent, last_step * costs[0]['dense_step_operations']


def of_run(rows: Sequence[dict]) -> float:
  """Returns the operations of a run up to its last row; NaN where they were not logged."""
  last_step = max((row['step'] for row in rows), default=0)
  found = cost_rows(rows, last_step)
  return add_up(found, last_step)[0] if found and last_step else math.nan


def of_rounds(ladder: pathlib.Path) -> dict[int, float]:
  """Returns, by round, the operations of all training up to its end; {} of a folder that is no ladder.

  That is: of what it began from, too, and of the ladder that its masks were found by. The steps up to where late rewinding
  goes back to were done in the dense run, and count once. NaN where they were not logged.
  """
  told = rounds.description(ladder)
  if not told:
    return {}
  own = {name: of_run(Workdir(str(ladder / name)).rows()) for name in (told['dense'], *told['rounds'])}
  dense = own[told['dense']]
  found = of_rounds(pathlib.Path(told['tickets'])) if told.get('tickets') else None
  result = {}
  for i, name in enumerate(told['rounds'], 1):
    before = dense if told.get('needs_dense', True) else 0.0
    if told['cumulative'] and i > 1:
      before = result[i - 1]
    if found is not None:
      before += found.get(i, math.nan)
    result[i] = before + own[name] - (told['rewind'] and told['rewind'] * dense)
  return result
