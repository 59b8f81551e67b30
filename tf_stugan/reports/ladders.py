"""Ladders of rounds side by side: scores against remaining weights, best and extreme tickets, and what they cost to find."""

from collections.abc import Sequence
import math
from typing import NamedTuple

import pandas as pd

from tf_stugan.metrics.score import is_better
from tf_stugan.reports import rows as rows_lib
from tf_stugan.reports.climbs import Climb

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
    best: the round of the best mean.
    extreme: the sparsest round that scores at least as well as the dense runs of the same seeds; None where none does.
  """

  method: str
  dense: Point
  points: Sequence[Point]
  best: Point
  extreme: Point | None


def curves(climbs: Sequence[Climb]) -> list[Curve]:
  """Makes a curve of each method, over its seeds. Ladders of one method that differ in more than their seeds have one each,
  called by their folders."""
  groups = {}
  for climb in climbs:
    groups.setdefault((climb.method, climb.setting), []).append(climb)
  methods = [method for method, _ in groups]
  result = []
  for (method, _), group in groups.items():
    if len({climb.seed for climb in group}) < len(group):
      result += [_curve(f'{method} ({climb.name})', [climb]) for climb in group]
    else:
      row = rows_lib.without_seed(group[0].name, str(group[0].seed))
      result.append(_curve(f'{method} ({row})' if methods.count(method) > 1 else method, group))
  return result


def _curve(method, group):
  better = group[0].better
  dense = _point(0, 1.0, [climb.dense for climb in group], [1.0])
  points, matching = [], []
  for i in sorted(set().union(*(climb.scores for climb in group))):
    having = [climb for climb in group if i in climb.scores]
    points.append(_point(i, having[0].remaining[i], [climb.scores[i] for climb in having],
                         [climb.costs[i] for climb in having]))
    if not is_better(_mean([climb.dense for climb in having]), points[-1].mean, better):
      matching.append(points[-1])
  best = points[0]
  for point in points:
    best = point if is_better(point.mean, best.mean, better) else best
  return Curve(method, dense, points, best, matching[-1] if matching else None)


def _point(index, remaining, values, costs):
  mean = _mean(values)
  return Point(index, remaining, mean, rows_lib.interval(values)[1] - mean, len(values), _mean(costs))


def _mean(values):
  return math.fsum(values) / len(values)


def table(found: Sequence[Curve], score: str) -> pd.DataFrame:
  """Returns in words what the tables of the paper say: dense, best and extreme ticket of every method, and its sparsest
  round."""
  lines = []
  for curve in found:
    line = {'method': curve.method, 'seeds': str(max(p.seeds for p in curve.points)), f'dense {score}': _show(curve.dense)}
    for name, point in (('best', curve.best), ('extreme', curve.extreme), ('sparsest', curve.points[-1])):
      line |= {f'{name} {score}': _show(point) if point else '-', f'{name} at': f'{point.remaining:.2%}' if point else '-'}
    lines.append(line | {'cost / dense': f'{curve.points[-1].cost:.3g}'})
  return pd.DataFrame(lines, dtype=object)


def _show(point):
  width = f' ± {point.half_width:.2g}' if point.seeds > 1 else ''
  return f'{point.mean:.4g}{width}'


def rounds(found: Sequence[Curve], score: str) -> pd.DataFrame:
  """Returns every round of every method with all digits, a line each; round 0 is the dense run."""
  return pd.DataFrame([{
      'method': curve.method, 'round': point.index, 'remaining': round(point.remaining, 6), 'seeds': point.seeds,
      score: point.mean, 'half width of 95 %': point.half_width, 'cost / dense': point.cost,
      'ticket': ' '.join(name for name, chosen in (('best', curve.best), ('extreme', curve.extreme)) if chosen is point),
  } for curve in found for point in (curve.dense, *curve.points)])


def from_rounds(frame: pd.DataFrame) -> tuple[list[Curve], str]:
  """Returns (curves, score) as `rounds` was given them."""
  return [_curve_of(method, lines) for method, lines in frame.groupby('method', sort=False)], frame.columns[4]


def _curve_of(method, lines):
  points = [Point(*values) for values in lines.iloc[:, [1, 2, 4, 5, 3, 6]].itertuples(index=False, name=None)]
  tickets = {name: point for point, names in zip(points, lines['ticket'].fillna(''), strict=True) for name in names.split()}
  return Curve(method, points[0], points[1:], tickets['best'], tickets.get('extreme'))
