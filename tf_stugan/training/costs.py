"""Reads from the rows of a run what it has cost, with all training that it needed."""

from collections.abc import Sequence
import itertools
import math
import os

from tf_stugan.training.workdir import Workdir


def cost_rows(rows: Sequence[dict], last_step: int) -> list[dict]:
  """Picks the rows that say what a step costs from each mask update on; returns none where they do not begin at step 0."""
  costs = [row for row in rows if row['kind'] == 'cost' and 'step_operations' in row and row['step'] <= last_step]
  return costs if costs and costs[0]['step'] == 0 else []


def sum_operations(costs: Sequence[dict], last_step: int) -> tuple[float, float]:
  """Returns the operations of all steps up to `last_step` with the masks that each of them had, and without masks.

  Args:
    costs: as `cost_rows` picks them, at least one.
    last_step: the last step that counts.
  """
  spans = (end - start for start, end in itertools.pairwise([*(row['step'] for row in costs), last_step]))
  spent = sum(span * row['step_operations'] for span, row in zip(spans, costs, strict=True))
  return spent, last_step * costs[0]['dense_step_operations']


def run_operations(rows: Sequence[dict]) -> float:
  """Returns the operations of a run up to its last row; NaN where they were not logged."""
  last_step = max((row['step'] for row in rows), default=0)
  found = cost_rows(rows, last_step)
  return sum_operations(found, last_step)[0] if found and last_step else math.nan


def prior_operations(rows: Sequence[dict], unknown: float = 0.0) -> float:
  """Returns the operations of all training that a run needed and did not do itself; `unknown` where it does not say so."""
  return next((row['operations_before'] for row in rows if 'operations_before' in row), unknown)


def total_operations(path: str | os.PathLike) -> float:
  """Returns the operations of the run in a workdir and of all training that it needed; NaN where they were not logged."""
  rows = Workdir(str(path)).rows()
  return run_operations(rows) + prior_operations(rows)
