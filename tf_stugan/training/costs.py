"""What a run has cost, told from its rows."""

from collections.abc import Sequence
import itertools


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
