"""Reads from the rows of a run which way its scores are better, and the best value of the first score."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tf_stugan.metrics.score import is_better

# Of rows that say no direction: those of version 0.1.
_KNOWN = {'fid': 'lower', 'fcd': 'lower', 'rfd': 'lower', 'is': 'higher', 'cs': 'higher', 'kid': 'lower', 'kcd': 'lower',
          'rkd': 'lower'}


class Best(NamedTuple):
  """The best evaluation of a run.

  Attributes:
    name: the name of the score.
    value: the value of the score.
    step: the step of the evaluation.
    better: which way is better, 'lower' or 'higher'.
    row: the whole row of the evaluation.
  """

  name: str
  value: float
  step: int
  better: str
  row: dict


def best_score(rows: Sequence[dict]) -> Best | None:
  """Returns the best evaluation by the first score of the last one; None where there is none.

  Evaluations that cannot be compared with the last one, for example of another number of images, do not count.
  """
  rows = [row for row in rows if row['kind'] == 'evaluation' and row.get('settled', True) and directions(row)]
  if not rows:
    return None
  last = rows[-1]
  name, better = next(iter(directions(last).items()))
  best, *others = [row for row in rows if name in row and _are_comparable(row, last)]  # metrics may have changed
  for row in others:
    if is_better(row[name], best[name], better):
      best = row
  return Best(name, best[name], best['step'], better, best)


def directions(row: Mapping[str, object]) -> dict[str, str]:
  """Returns which way is better, 'lower' or 'higher', by score."""
  return row.get('better') or {name: better for name, better in _KNOWN.items() if name in row}


def conditions(row: Mapping[str, object], name: str) -> str:
  """Returns under which conditions a score was made, in words; empty where its metric says none."""
  return row.get('conditions', {}).get(name, '')


def _are_comparable(row, other):
  first = next(iter(directions(other)))
  return row.get('protocol') == other.get('protocol') and conditions(row, first) == conditions(other, first)
