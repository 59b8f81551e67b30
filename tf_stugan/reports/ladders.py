"""Ladders of rounds side by side: scores against remaining weights, best and extreme tickets, and what they cost to find."""

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from tf_stugan.metrics.score import is_better
from tf_stugan.reports import intervals
from tf_stugan.reports import records
from tf_stugan.reports import rows as rows_lib
from tf_stugan.reports.ladder_scores import LadderScores

NOTE = (
    'Best: the round of the best mean. Extreme: the sparsest round that scores at least as well as the dense runs of the '
    'same seeds.\nA score is the best of its run; intervals are 95 % t-intervals of the mean over seeds. Cost: all training '
    'that it took\nto come to the end of the sparsest round, or, of runs that belong to no ladder, of the sparsest one; in '
    'dense trainings.\n')


class Point(NamedTuple):
  """A round, over all seeds: `half_width` is that of a 95 % t-interval of the mean, NaN for one seed."""

  index: int
  remaining: float
  mean: float
  half_width: float
  seeds: int
  cost: float


class Curve(NamedTuple):
  """A method: its points from the densest round on, its dense score, and its tickets.

  Attributes:
    method: what it is called; no other curve is called so.
    procedure: what it looks like in figures (`style.looks`).
    dense: the dense runs of all seeds.
    points: a point a round.
    best: the round of the best mean.
    extreme: the sparsest round that scores at least as well as the dense runs of the same seeds; None where none does.
  """

  method: str
  procedure: str
  dense: Point
  points: Sequence[Point]
  best: Point
  extreme: Point | None


def rounds(ladders: Sequence[LadderScores]) -> pd.DataFrame:
  """Returns every round of every ladder, a line each, with all digits; round 0 is the dense run.

  Ladders that differ in their seeds alone have the same name in the column `method`. Others of the same procedure are called
  by their folders, too.
  """
  groups = {}
  for ladder in ladders:
    groups.setdefault((ladder.method, ladder.setting), []).append(ladder)
  methods = [method for method, _ in groups]
  lines = []
  for (method, _), group in groups.items():
    same_seeds = len({ladder.seed for ladder in group}) < len(group)
    for ladder in group:
      row = ladder.name if same_seeds else rows_lib.without_seed(group[0].name, str(group[0].seed))
      lines += _lines(f'{method} ({row})' if same_seeds or methods.count(method) > 1 else method, ladder)
  return pd.DataFrame(lines)


def _lines(name, ladder):
  scores = {0: ladder.dense, **ladder.scores}
  remaining, costs = {0: 1.0, **ladder.remaining}, {0: 1.0, **ladder.costs}
  return [{'method': name, 'procedure': ladder.procedure, 'seed': ladder.seed, 'round': i,
           'remaining': round(remaining[i], 6), 'score': records.title(ladder.score), 'better': ladder.better,
           'value': scores[i], 'cost / dense': costs[i]} for i in scores]


def curves(found: pd.DataFrame) -> list[Curve]:
  """Makes a curve of each method over its seeds, of what `rounds` returns, or of several such tables."""
  return [_curve(method, lines) for method, lines in found.groupby('method', sort=False)]


def _curve(method, lines):
  better = lines['better'].iloc[0]
  dense, pruned = lines[lines['round'] == 0], lines[lines['round'] > 0]
  points, matching = [], []
  for _, of_round in pruned.groupby('round'):
    points.append(_point(of_round))
    if not is_better(dense[dense['seed'].isin(of_round['seed'])]['value'].mean(), points[-1].mean, better):
      matching.append(points[-1])
  whole = [point for point in points if point.seeds == max(p.seeds for p in points)]  # not by the luck of a single seed
  best = whole[0]
  for point in whole:
    best = point if is_better(point.mean, best.mean, better) else best
  extreme = [point for point in matching if point in whole]
  return Curve(method, lines['procedure'].iloc[0], _point(dense), points, best, extreme[-1] if extreme else None)


def _point(lines):
  """Makes a point of the lines of one round."""
  mean = lines['value'].mean()
  return Point(int(lines['round'].iloc[0]), lines['remaining'].iloc[0], mean, intervals.interval(lines['value'])[1] - mean,
               len(lines), lines['cost / dense'].mean(skipna=False))


def score(found: pd.DataFrame) -> str:
  """Returns the name of the score that the rounds have."""
  return found['score'].iloc[0]


def table(found: pd.DataFrame) -> pd.DataFrame:
  """Returns in words what the tables of the paper say: dense, best and extreme ticket of every method, and its sparsest
  round; `found` is as `rounds` returns it."""
  name, lines = score(found), []
  for curve in curves(found):
    line = {'method': curve.method, 'seeds': str(max(p.seeds for p in curve.points)), f'dense {name}': _show(curve.dense)}
    for kind, point in (('best', curve.best), ('extreme', curve.extreme), ('sparsest', curve.points[-1])):
      line |= {f'{kind} {name}': _show(point) if point else '-', f'{kind} at': f'{point.remaining:.2%}' if point else '-'}
    lines.append(line | {'cost / dense': f'{curve.points[-1].cost:.3g}'})
  return pd.DataFrame(lines, dtype=object)


def _show(point):
  width = f' ± {point.half_width:.2g}' if point.seeds > 1 else ''
  return f'{point.mean:.4g}{width}'
