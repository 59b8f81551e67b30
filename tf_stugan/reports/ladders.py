"""Ladders of rounds side by side: scores against remaining weights, best and extreme tickets, and what they cost to find."""

from collections.abc import Iterable, Mapping, Sequence
import csv
import io
import json
import logging
import math
import os
import pathlib
from typing import NamedTuple

from scipy import stats

from tf_stugan.metrics.score import is_better
from tf_stugan.reports import records
from tf_stugan.reports import rescored
from tf_stugan.reports import rows as rows_lib
from tf_stugan.training.best_scores import best_score
from tf_stugan.training.workdir import Workdir

_LOG = logging.getLogger(__name__)

_DESCRIPTION = 'ladder.json'  # as `procedures.ladder` writes it
_OF_A_LADDER = ('ROUNDS',)  # bindings that tell no ladder from another, round by round
_OF_A_ROUND = ('Experiment.stage',)
_NOTE = (
    'Best: the round of the best mean. Extreme: the sparsest round that scores at least as well as the dense runs of the '
    'same seeds.\nA score is the best of its run; intervals are 95 % t-intervals of the mean over seeds. Cost: all training '
    'that it took\nto come to the end of the sparsest round, in dense trainings.\n')


class Climb(NamedTuple):
  """One ladder, of one seed.

  Attributes:
    name: of its folder.
    method: what its rounds are called.
    seed: of its runs.
    setting: ladders of one curve share it.
    score: name of the score.
    better: which way is better.
    protocol: of the scores, as text.
    dense: the best score of the dense run.
    scores: the best one of each round that came as far as the dense run, by round from 1.
    remaining: share of the weights of a pruned player that a round keeps, by round.
    costs: of all training that it took to come to the end of a round, in dense trainings; NaN where it was not logged.
  """

  name: str
  method: str
  seed: int
  setting: str
  score: str
  better: str
  protocol: str
  dense: float
  scores: Mapping[int, float]
  remaining: Mapping[int, float]
  costs: Mapping[int, float]


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
  procedure that has no run of its own; or the folder itself."""
  if not os.path.exists(os.path.join(folder, _DESCRIPTION)):
    workdir = Workdir(str(folder))
    return [folder] if workdir.metrics.exists() else [str(workdir.path / name) for name in workdir.stages()] or [folder]
  ladder = json.loads(pathlib.Path(folder, _DESCRIPTION).read_text())
  paths = (os.path.join(folder, name) for name in (ladder['dense'], *ladder['rounds']))
  return [path for path in paths if os.path.isdir(path)]


def read(folders: Iterable[str], features: str = '') -> list[Climb]:
  """Reads those of the folders that are ladders with a scored dense run and a scored round.

  Args:
    folders: some of which may be ladders.
    features: as in `rescored.Rescored`; the scores of training where it is empty.
  """
  paths = sorted({pathlib.Path(os.path.abspath(folder)) for folder in folders})
  climbs = (_read(path, features) for path in paths if (path / _DESCRIPTION).exists())
  return [climb for climb in climbs if climb]


def _read(folder, features):
  ladder, runs = _runs(folder, features)
  rows = {i: run.rows() for i, run in runs.items()}
  end = _last_step(rows.get(0))
  best = {i: found for i, run in rows.items() if _last_step(run) >= end and (found := best_score(run))}
  best = _comparable(best, runs)
  if 0 not in best or len(best) == 1:
    return None
  method = f'{ladder["method"]} {ladder["rewind"]:.0%}' if ladder['rewind'] else ladder['method']
  spent = _operations(folder)
  return Climb(folder.name, method, ladder['seed'], _setting(runs), best[0].name, best[0].better,
               _protocol(best[0]), best[0].value, {i: found.value for i, found in best.items() if i},
               dict(enumerate(ladder['rounds'].values(), 1)), {i: spent[i] / _own(rows[0]) for i in best if i})


def _runs(folder, features=''):
  """Returns what a ladder says of itself, and the runs of it that have begun, by round; 0 is the dense one."""
  ladder = json.loads((folder / _DESCRIPTION).read_text())
  paths = {0: folder / ladder['dense'], **{i: folder / name for i, name in enumerate(ladder['rounds'], 1)}}
  return ladder, {i: rescored.Rescored(str(path), features) if features else Workdir(str(path))
                  for i, path in paths.items() if path.is_dir()}


def _comparable(best, runs):
  """Leaves out rounds that were scored in another way than the dense run, and says so."""
  alike = {i: found for i, found in best.items() if _protocol(found) == _protocol(best.get(0, found))}
  if other := sorted(best.keys() - alike.keys()):
    _LOG.warning('Left out of the ladder, as its dense run was scored in another way (data, features, numbers of images '
                 '...): %s.', ', '.join(str(runs[i].path) for i in other))
  return alike


def _protocol(found):
  return json.dumps(records.protocol_of(found.row), sort_keys=True)


def _setting(runs):
  """Returns what decides what the rounds compute, but for the seed; the same for all of them."""
  setting = next(rows_lib.setting(run) for i, run in sorted(runs.items()) if i)
  return repr(sorted((name, value) for name, value in setting.items() if name not in _OF_A_LADDER and (
      not name.endswith(_OF_A_ROUND))))


def _last_step(rows):
  return max((row['step'] for row in rows or ()), default=0)


def _own(rows):
  """Returns the operations of a run; NaN where they were not logged."""
  return records.training_cost(rows, last).get(records.COST, math.nan) if (last := _last_step(rows)) else math.nan


def _operations(folder):
  """Returns, by round, the operations of all training up to its end: of what it began from, too, and of the ladder that its
  masks were found by. Those of rewound steps were done in the dense run."""
  if not (folder / _DESCRIPTION).exists():
    return {}
  ladder, runs = _runs(folder)
  own = {i: _own(run.rows()) for i, run in runs.items()}
  dense = own.get(0, math.nan)
  found = _operations(pathlib.Path(ladder['tickets'])) if ladder.get('tickets') else None
  result = {}
  for i in range(1, len(ladder['rounds']) + 1):
    before = dense if ladder.get('needs_dense', True) else 0.0
    if ladder['cumulative'] and i > 1:
      before = result[i - 1]
    if found is not None:
      before += found.get(i, math.nan)
    result[i] = before + own.get(i, math.nan) - (ladder['rewind'] and ladder['rewind'] * dense)
  return result


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
