"""Ladders of rounds side by side: scores against remaining weights, best and extreme tickets, and what they cost to find."""

from collections.abc import Sequence
import csv
import io
import json
import math
from typing import NamedTuple

from scipy import stats

from tf_stugan.metrics.score import is_better
from tf_stugan.reports import rows as rows_lib
from tf_stugan.reports.climbs import Climb

_NOTE = (
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
  n, mean = len(values), _mean(values)
  half_width = math.nan
  if n > 1:
    deviation = math.sqrt(math.fsum((v - mean)**2 for v in values) / (n - 1))
    half_width = float(stats.t.ppf(0.975, n - 1)) * deviation / math.sqrt(n)
  return Point(index, remaining, mean, half_width, n, _mean(costs))


def _mean(values):
  return math.fsum(values) / len(values)


def markdown(found: Sequence[Curve], score: str, protocol: str) -> str:
  """Writes what the tables of the paper say: dense, best and extreme ticket of every method, and its sparsest round; and
  how they were scored."""
  rows = [['method', 'seeds', f'dense {score}', f'best {score}', 'at remaining', f'extreme {score}', 'at remaining',
           f'sparsest {score}', 'at remaining', 'cost / dense']]
  rows.append(['---'] * len(rows[0]))
  for curve in found:
    cells = [_show(curve.dense), *_ticket(curve.best), *_ticket(curve.extreme), *_ticket(curve.points[-1])]
    rows.append([curve.method, str(max(p.seeds for p in curve.points)), *cells, f'{curve.points[-1].cost:.3g}'])
  widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
  table = ''.join('| ' + ' | '.join(map(str.ljust, row, widths)) + ' |\n' for row in rows)
  told = json.loads(protocol)
  scored = (f'Scores on {told.get("data", "")}: {told["extractor"]}; {told["generated_images"]} / {told["real_images"]} '
            f'generated / real images; {told.get("scored", "")}.')
  return f'{table}\n{scored}\n{_NOTE}'


def _ticket(point):
  return [_show(point), f'{point.remaining:.2%}'] if point else ['-', '-']


def _show(point):
  width = f' ± {point.half_width:.2g}' if point.seeds > 1 else ''
  return f'{point.mean:.4g}{width}'


def comma_separated(found: Sequence[Curve], score: str) -> str:
  """Writes every round of every method, a line each; round 0 is the dense run."""
  text = io.StringIO()
  writer = csv.writer(text, lineterminator='\n')
  writer.writerow(['method', 'round', 'remaining', 'seeds', score, 'half width of 95 %', 'cost / dense', 'ticket'])
  for curve in found:
    for point in (curve.dense, *curve.points):
      ticket = ' '.join(name for name, chosen in (('best', curve.best), ('extreme', curve.extreme)) if chosen is point)
      writer.writerow([curve.method, point.index, round(point.remaining, 6), point.seeds, point.mean,
                       '' if point.seeds == 1 else point.half_width, point.cost, ticket])
  return text.getvalue()


def from_comma_separated(text: str) -> tuple[list[Curve], str]:
  """Returns (curves, score) as `comma_separated` was given them."""
  header, *lines = csv.reader(io.StringIO(text))
  curves = {}
  for method, index, remaining, seeds, mean, half_width, cost, ticket in lines:
    point = Point(int(index), float(remaining), float(mean), float(half_width or 'nan'), int(seeds), float(cost))
    curves.setdefault(method, []).append((point, ticket.split()))
  return [_curve_of(method, points) for method, points in curves.items()], header[4]


def _curve_of(method, points):
  tickets = {name: point for point, names in points for name in names}
  return Curve(method, points[0][0], [point for point, _ in points[1:]], tickets['best'], tickets.get('extreme'))
