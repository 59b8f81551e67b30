"""What a run is judged by: the best of its first score, told from its rows."""

from collections.abc import Sequence
from typing import NamedTuple

from tf_stugan.metrics.score import is_better


class Best(NamedTuple):
  """The best evaluation of a run.

  Attributes:
    name: of the score.
    value: of the score.
    step: of the evaluation.
    better: which way is better, 'lower' or 'higher'.
    row: all of the evaluation.
  """

  name: str
  value: float
  step: int
  better: str
  row: dict


def best_score(rows: Sequence[dict]) -> Best | None:
  """Returns the best evaluation by the first score that the last one has; None where there is none."""
  rows = [row for row in rows if row['kind'] == 'evaluation' and row.get('settled', True) and row.get('better')]
  if not rows:
    return None
  name, better = next(iter(rows[-1]['better'].items()))
  best, *others = [row for row in rows if name in row]  # the metrics may have been others before
  for row in others:
    if is_better(row[name], best[name], better):
      best = row
  return Best(name, best[name], best['step'], better, best)
