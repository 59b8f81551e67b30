"""What ladders found, round by round, and what it cost; and sparse runs that belong to no ladder, beside them."""

from collections.abc import Iterable, Mapping, Sequence
import logging
import math
import os
import pathlib
from typing import NamedTuple

from tf_stugan import gin_files
from tf_stugan.reports import records
from tf_stugan.reports import rescored
from tf_stugan.reports import rows as rows_lib
from tf_stugan.training import best_scores
from tf_stugan.training import costs
from tf_stugan.training import rounds
from tf_stugan.training.workdir import Workdir

_LOG = logging.getLogger(__name__)

_OF_A_LADDER = ('ROUNDS',)  # bindings that tell no ladder from another, round by round
_OF_A_ROUND = ('Experiment.stage',)


class Climb(NamedTuple):
  """One ladder, of one seed.

  Attributes:
    name: of its folder.
    procedure: what found it, such as 'IMP_G', or a method of sparse training.
    method: the same, told apart from others of the same procedure.
    seed: of its runs.
    setting: ladders of one curve share it.
    score: name of the score.
    better: which way is better.
    protocol: of the scores, as `records.protocol` has it.
    dense: the best score of the dense run.
    scores: the best one of each round that came as far as the dense run, by round from 1.
    remaining: share of the weights of a pruned player that a round keeps, by round.
    costs: of all training that it took to come to the end of a round, in dense trainings; NaN where it was not logged.
    dense_cost: operations of the dense run; NaN where they were not logged.
    pruned: the players that have masks.
  """

  name: str
  procedure: str
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
  dense_cost: float
  pruned: frozenset[str]


def list_runs(folder: str) -> list[str]:
  """Lists the runs that a folder of a report stands for: a ladder's dense run and its rounds; the stages of another
  procedure that has no run of its own; or the folder itself. A file stands for none."""
  if not os.path.isdir(folder):
    return []
  ladder = rounds.read_description(pathlib.Path(folder))
  if not ladder:
    workdir = Workdir(str(folder))
    return [folder] if workdir.metrics.exists() else [str(workdir.path / name) for name in workdir.stages()] or [folder]
  paths = (os.path.join(folder, name) for name in (ladder['dense'], *ladder['rounds']))
  return [path for path in paths if os.path.isdir(path)]


def read(folders: Iterable[str], features: str = '') -> list[Climb]:
  """Reads those of the folders that are ladders with a scored dense run and a scored round.

  Args:
    folders: some of which may be ladders.
    features: as in `rescored.Rescored`; the scores of training where it is empty.
  """
  paths = sorted({pathlib.Path(os.path.abspath(folder)) for folder in folders})
  climbs = (_read(path, features) for path in paths if rounds.read_description(path))
  return [climb for climb in climbs if climb]


def _read(folder, features):
  ladder, runs = _runs(folder, features)
  rows = {i: run.rows() for i, run in runs.items()}
  end = _last_step(rows.get(0))
  best = {i: found for i, run in rows.items() if _last_step(run) >= end and (found := best_scores.best_score(run))}
  best = _comparable(best, runs)
  if 0 not in best or len(best) == 1:
    _LOG.warning('%s is not drawn as a ladder: %s.', folder, _what_is_missing(ladder, rows, best))
    return None
  method = f'{ladder["method"]} {ladder["rewind"]:.0%}' if ladder['rewind'] else ladder['method']
  dense = costs.run_operations(rows[0])
  spent = {i: costs.run_operations(rows[i]) + costs.prior_operations(rows[i], math.nan) for i in best}
  return Climb(folder.name, ladder['method'], method, ladder['seed'], _setting(runs), best[0].name, best[0].better,
               records.comparable(best[0].row), best[0].value, {i: found.value for i, found in best.items() if i},
               dict(enumerate(ladder['rounds'].values(), 1)), {i: spent[i] / dense for i in best if i}, dense,
               frozenset(_densities(rows[max(best)])))


def _what_is_missing(ladder, rows, best):
  if 0 not in best:
    return f'its dense run, {ladder["dense"]}, {"has no score" if 0 in rows else "is not there"}'
  if len(rows) == 1:
    return 'no round has begun'
  furthest = max(_last_step(run) for i, run in rows.items() if i)
  return f'no scored round has come to step {_last_step(rows[0]):,}, where its dense run is; the furthest is at {furthest:,}'


def _runs(folder, features=''):
  """Returns what a ladder says of itself, and the runs of it that have begun, by round; 0 is the dense one."""
  ladder = rounds.read_description(folder)
  paths = {0: folder / ladder['dense'], **{i: folder / name for i, name in enumerate(ladder['rounds'], 1)}}
  return ladder, {i: rescored.Rescored(str(path), features) if features else Workdir(str(path))
                  for i, path in paths.items() if path.is_dir()}


def _comparable(best, runs):
  """Leaves out rounds that were scored in another way than the dense run, and says so."""
  alike = {i: found for i, found in best.items()
           if records.comparable(found.row) == records.comparable(best.get(0, found).row)}
  if other := sorted(best.keys() - alike.keys()):
    _LOG.warning('Left out of the ladder, as its dense run was scored in another way (data, features, numbers of images '
                 '...): %s.', ', '.join(str(runs[i].path) for i in other))
  return alike


def _setting(runs):
  """Returns what decides what the rounds compute, but for the seed; the same for all of them."""
  setting = next(rows_lib.setting(run) for i, run in sorted(runs.items()) if i)
  return repr(sorted((name, value) for name, value in setting.items() if name not in _OF_A_LADDER and (
      not name.endswith(_OF_A_ROUND))))


def _last_step(rows):
  return max((row['step'] for row in rows or ()), default=0)


def make_climbs(runs: Iterable[rows_lib.Run], climbs: Sequence[Climb]) -> list[Climb]:
  """Puts runs that belong to no ladder beside ladders.

  Those of one method are rounds by their densities, of which each costs its own training and what it needed before.

  Args:
    runs: of the report; those that were scored otherwise are left out, those where a player that all the ladders prune has
      no masks, and those that are still trained.
    climbs: of one protocol.
  """
  pruned = frozenset.intersection(*(climb.pruned for climb in climbs))
  groups = {}
  for run in runs:
    rows = run.workdir.rows()
    best, densities = best_scores.best_score(rows), _densities(rows)
    if best and pruned and pruned <= densities.keys() and records.comparable(best.row) == climbs[0].protocol and not (
        rounds.read_description(run.workdir.path.parent)) and _has_ended(run, rows):
      remaining = round(math.fsum(densities[player] for player in pruned) / len(pruned), 3)
      method = records.record(run.workdir)['method']
      groups.setdefault(method, []).append((remaining, run, best.value, _all_training(rows) / climbs[0].dense_cost))
  return [climb for method, group in groups.items() for climb in _make_climbs(method, method, group, climbs)]


def _all_training(rows):
  return costs.run_operations(rows) + costs.prior_operations(rows)


def _has_ended(run, rows):
  """Tells whether a run came as far as its configuration says, if it does."""
  num_steps = gin_files.literal(rows_lib.setting(run.workdir).get('NUM_STEPS', '0'))
  return not isinstance(num_steps, int) or _last_step(rows) >= num_steps


def _densities(rows):
  """Returns what each player that has masks keeps in the end."""
  last = next((row for row in reversed(rows) if row['kind'] == 'train'), {})
  return {name.removesuffix('/density'): value for name, value in last.items() if name.endswith('/density') and value < 1}


def _make_climbs(procedure, method, group, climbs):
  """Returns a climb for each seed; where runs of several rows have the same density, for each row."""
  rows = dict.fromkeys(run.row for _, run, *_ in group)
  if len({(remaining, run.row) for remaining, run, *_ in group}) > len({remaining for remaining, *_ in group}):
    return [climb for row in rows for climb in _make_climbs(
        procedure, f'{method} ({row})', [entry for entry in group if entry[1].row == row], climbs)]
  levels = sorted({remaining for remaining, *_ in group}, reverse=True)
  by_seed = {}
  for remaining, run, value, cost in group:
    by_seed.setdefault(run.seed, {})[levels.index(remaining) + 1] = value, cost
  return [climbs[0]._replace(
      name=method, procedure=procedure, method=method, seed=seed, setting='', dense=_dense_of(seed, climbs),
      scores={i: value for i, (value, _) in found.items()}, remaining=dict(enumerate(levels, 1)),
      costs={i: cost for i, (_, cost) in found.items()}) for seed, found in by_seed.items()]


def _dense_of(seed, climbs):
  """Returns the dense score of the ladders of this seed, or of all of them."""
  scores = [climb.dense for climb in climbs if str(climb.seed) == seed] or [climb.dense for climb in climbs]
  return math.fsum(scores) / len(scores)
