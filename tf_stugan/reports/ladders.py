"""Ladders of rounds side by side: scores against remaining weights, best and extreme tickets, and what they cost to find."""

from collections.abc import Iterable, Mapping, Sequence
import csv
import io
import json
import math
import os
import pathlib
from typing import NamedTuple

from scipy import stats

from tf_stugan.metrics.score import is_better
from tf_stugan.reports import records
from tf_stugan.reports.rows import Run
from tf_stugan.training.best_scores import best_score
from tf_stugan.training.workdir import Workdir

_DESCRIPTION = 'ladder.json'  # as `procedures.ladder` writes it


class Climb(NamedTuple):
  """One ladder, of one seed.

  Attributes:
    name: of its folder.
    method: what its rounds are called.
    seed: of its runs.
    score: name of the score.
    better: which way is better.
    protocol: of the scores, as text.
    dense: the best score of the dense run.
    scores: the best one of each round that came as far as the dense run, by round from 1.
    remaining: share of the weights of a pruned player that a round keeps, by round.
    costs: of all training up to the end of a round, in dense trainings; NaN where it was not logged.
    pruned: columns with the densities of those players that have masks in its rounds.
  """

  name: str
  method: str
  seed: int
  score: str
  better: str
  protocol: str
  dense: float
  scores: Mapping[int, float]
  remaining: Mapping[int, float]
  costs: Mapping[int, float]
  pruned: frozenset[str]


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


def runs_of(folder: str) -> list[str]:
  """Lists the runs that a folder of a report stands for: a ladder's dense run and its rounds; the stages of another
  procedure that has no run of its own; or the folder itself. A file stands for none."""
  if not os.path.isdir(folder):
    return []
  if not os.path.exists(os.path.join(folder, _DESCRIPTION)):
    workdir = Workdir(str(folder))
    return [folder] if workdir.metrics.exists() else [str(workdir.path / name) for name in workdir.stages()] or [folder]
  ladder = json.loads(pathlib.Path(folder, _DESCRIPTION).read_text())
  paths = (os.path.join(folder, name) for name in (ladder['dense'], *ladder['rounds']))
  return [path for path in paths if os.path.isdir(path)]


def read(folders: Iterable[str]) -> list[Climb]:
  """Reads those of the folders that are ladders with a scored dense run and a scored round."""
  paths = sorted({pathlib.Path(os.path.abspath(folder)) for folder in folders})
  climbs = (_read(path) for path in paths if (path / _DESCRIPTION).exists())
  return [climb for climb in climbs if climb]


def _read(folder):
  ladder = json.loads((folder / _DESCRIPTION).read_text())
  paths = {0: folder / ladder['dense'], **{i: folder / name for i, name in enumerate(ladder['rounds'], 1)}}
  runs = {i: Workdir(str(path)) for i, path in paths.items() if path.is_dir()}
  rows = {i: run.rows() for i, run in runs.items()}
  end = _last_step(rows.get(0))
  best = {i: found for i, run in rows.items() if _last_step(run) >= end and (found := best_score(run))}
  if 0 not in best or len(best) == 1:
    return None
  method = f'{ladder["method"]} {ladder["rewind"]:.0%}' if ladder['rewind'] else ladder['method']
  found = {i: records.record(runs[i]) for i in best}
  own = {i: record.get('training FLOPs', math.nan) for i, record in found.items()}
  return Climb(folder.name, method, ladder['seed'], best[0].name, best[0].better,
               _protocol(best[0]), best[0].value,
               {i: found.value for i, found in best.items() if i}, dict(enumerate(ladder['rounds'].values(), 1)),
               _costs(own, ladder['cumulative'], ladder['rewind']), _masked_players(found[max(found)]))


def _masked_players(record):
  return frozenset(column for column, value in record.items() if column.endswith(' density') and value < 1)


def of_runs(runs: Iterable[Run], climbs: Sequence[Climb]) -> list[Climb]:
  """Puts runs that belong to no ladder beside ladders.

  Those of one method are rounds by their densities, of which each costs its own training and nothing else.

  Args:
    runs: of the report; those that were scored otherwise are left out, and those where a player that all the ladders prune
      has no masks.
    climbs: of one protocol.
  """
  pruned = frozenset.intersection(*(climb.pruned for climb in climbs))
  groups = {}
  for run in runs:
    best = best_score(run.workdir.rows())
    if not best or _protocol(best) != climbs[0].protocol or (run.workdir.path.parent / _DESCRIPTION).exists():
      continue
    record = records.record(run.workdir)
    if pruned and pruned <= _masked_players(record):
      remaining = round(math.fsum(record[column] for column in pruned) / len(pruned), 3)
      groups.setdefault(record['method'], []).append((remaining, run, best.value, record))
  return [climb for method, group in groups.items() for climb in _of_method(method, group, climbs)]


def _of_method(method, group, climbs):
  """Returns the climbs of runs of one method; of one for each row, where runs of several have the same density and seed."""
  if len({(remaining, run.seed) for remaining, run, *_ in group}) < len(group):
    rows = dict.fromkeys(run.row for _, run, *_ in group)
    if len(rows) > 1:
      return [climb for row in rows
              for climb in _of_method(f'{method} ({row})', [entry for entry in group if entry[1].row == row], climbs)]
  levels = sorted({remaining for remaining, *_ in group}, reverse=True)
  by_seed = {}
  for remaining, run, value, record in group:
    by_seed.setdefault(run.seed, {})[levels.index(remaining) + 1] = value, record.get('training FLOPs / dense', math.nan)
  return [climbs[0]._replace(
      name=method, method=method, seed=seed, dense=_dense_of(seed, climbs), scores={i: v for i, (v, _) in found.items()},
      remaining=dict(enumerate(levels, 1)), costs={i: cost for i, (_, cost) in found.items()})
          for seed, found in by_seed.items()]


def _dense_of(seed, climbs):
  """Returns the dense score of the ladders of this seed, or of all of them."""
  scores = [climb.dense for climb in climbs if str(climb.seed) == seed] or [climb.dense for climb in climbs]
  return math.fsum(scores) / len(scores)


def _protocol(best):
  return json.dumps(records.protocol_of(best.row), sort_keys=True)


def _last_step(rows):
  return max((row['step'] for row in rows or ()), default=0)


def _costs(own, cumulative, rewind):
  """Returns, by round, all training up to its end, in dense trainings; rewound steps were done in the dense run."""
  spent = {i: operations / own[0] - (rewind if i else 0) for i, operations in own.items()}
  return {i: spent[i] + sum(spent.get(j, math.nan) for j in ([0, *range(1, i)] if cumulative else [0]))
          for i in spent if i}


def curves(climbs: Sequence[Climb]) -> list[Curve]:
  """Makes a curve of each method, over its seeds; ladders of one method and seed have one each, called by their folders."""
  groups = {}
  for climb in climbs:
    groups.setdefault(climb.method, []).append(climb)
  result = []
  for method, group in groups.items():
    if len({climb.seed for climb in group}) == len(group):
      result.append(_curve(method, group))
    else:
      result += [_curve(f'{method} ({climb.name})', [climb]) for climb in group]
  return result


def _curve(method, group):
  better = group[0].better
  dense = _point(0, 1.0, [climb.dense for climb in group], [1.0])
  points = []
  for i in sorted(set().union(*(climb.scores for climb in group))):
    having = [climb for climb in group if i in climb.scores]
    points.append(_point(i, having[0].remaining[i], [climb.scores[i] for climb in having],
                         [climb.costs[i] for climb in having]))
  best = points[0]
  for point in points:
    best = point if is_better(point.mean, best.mean, better) else best
  matching = [point for point in points if not is_better(dense.mean, point.mean, better)]
  return Curve(method, dense, points, best, matching[-1] if matching else None)


def _point(index, remaining, values, costs):
  n = len(values)
  mean = math.fsum(values) / n
  half_width = math.nan
  if n > 1:
    deviation = math.sqrt(math.fsum((v - mean)**2 for v in values) / (n - 1))
    half_width = float(stats.t.ppf(0.975, n - 1)) * deviation / math.sqrt(n)
  return Point(index, remaining, mean, half_width, n, math.fsum(costs) / len(costs))


def markdown(found: Sequence[Curve], score: str) -> str:
  """Writes what the tables of the paper say: dense, best and extreme ticket of every method, and its sparsest round."""
  rows = [['method', 'seeds', f'dense {score}', f'best {score}', 'at remaining', f'extreme {score}', 'at remaining',
           f'sparsest {score}', 'at remaining', 'cost / dense']]
  rows.append(['---'] * len(rows[0]))
  for curve in found:
    cells = [_show(curve.dense), *_ticket(curve.best), *_ticket(curve.extreme), *_ticket(curve.points[-1])]
    rows.append([curve.method, str(max(p.seeds for p in curve.points)), *cells, f'{curve.points[-1].cost:.3g}'])
  widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
  table = ''.join('| ' + ' | '.join(map(str.ljust, row, widths)) + ' |\n' for row in rows)
  return (f'{table}\nBest: the round of the best mean {score}. Extreme: the sparsest round that scores at least as well as '
          'the dense run.\nA score is the best of its run; intervals are 95 % t-intervals of the mean over seeds. Cost: all '
          'training up to\nthe end of the sparsest round, with the dense run; of runs that belong to no ladder, their own '
          'training.\n')


def _ticket(point):
  return [_show(point), f'{point.remaining:.2%}'] if point else ['-', '-']


def _show(point):
  width = f' ± {point.half_width:.2g}' if point.seeds > 1 else ''
  return f'{point.mean:.4g}{width}'


def comma_separated(found: Sequence[Curve]) -> str:
  """Writes every round of every method, a line each; round 0 is the dense run."""
  text = io.StringIO()
  writer = csv.writer(text, lineterminator='\n')
  writer.writerow(['method', 'round', 'remaining', 'seeds', 'score', 'half width of 95 %', 'cost / dense', 'ticket'])
  for curve in found:
    for point in (curve.dense, *curve.points):
      ticket = ' '.join(name for name, chosen in (('best', curve.best), ('extreme', curve.extreme)) if chosen is point)
      writer.writerow([curve.method, point.index, round(point.remaining, 6), point.seeds, point.mean,
                       '' if point.seeds == 1 else point.half_width, point.cost, ticket])
  return text.getvalue()
