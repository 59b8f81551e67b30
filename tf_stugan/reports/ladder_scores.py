"""What ladders found, round by round, and what it cost."""

from collections.abc import Iterable, Mapping, Sequence
import logging
import math
import os
import pathlib
from typing import NamedTuple

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


class LadderScores(NamedTuple):
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


def read(folders: Iterable[str], features: str = '') -> list[LadderScores]:
  """Reads those of the folders that are ladders with a scored dense run and a scored round.

  Args:
    folders: some of which may be ladders.
    features: as in `rescored.Rescored`; the scores of training where it is empty.
  """
  paths = sorted({pathlib.Path(os.path.abspath(folder)) for folder in folders})
  found = (_read(path, features) for path in paths if rounds.read_description(path))
  return [scores for scores in found if scores]


def _read(folder, features):
  ladder, runs = _runs(folder, features)
  rows = {i: run.rows() for i, run in runs.items()}
  end = last_step(rows.get(0))
  best = {i: found for i, run in rows.items() if last_step(run) >= end and (found := best_scores.best_score(run))}
  best = _comparable(best, runs)
  if 0 not in best or len(best) == 1:
    _LOG.warning('%s is not drawn as a ladder: %s.', folder, _what_is_missing(ladder, rows, best))
    return None
  method = f'{ladder["method"]} {ladder["rewind"]:.0%}' if ladder['rewind'] else ladder['method']
  dense = costs.run_operations(rows[0])
  spent = {i: costs.run_operations(rows[i]) + costs.prior_operations(rows[i], math.nan) for i in best}
  return LadderScores(folder.name, ladder['method'], method, ladder['seed'], _setting(runs), best[0].name, best[0].better,
               records.comparable(best[0].row), best[0].value, {i: found.value for i, found in best.items() if i},
               dict(enumerate(ladder['rounds'].values(), 1)), {i: spent[i] / dense for i in best if i}, dense,
               frozenset(densities(rows[max(best)])))


def _what_is_missing(ladder, rows, best):
  if 0 not in best:
    return f'its dense run, {ladder["dense"]}, {"has no score" if 0 in rows else "is not there"}'
  if len(rows) == 1:
    return 'no round has begun'
  furthest = max(last_step(run) for i, run in rows.items() if i)
  return f'no scored round has come to step {last_step(rows[0]):,}, where its dense run is; the furthest is at {furthest:,}'


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


def last_step(rows: Iterable[Mapping] | None) -> int:
  """Returns how far the run of these rows came; 0 of none."""
  return max((row['step'] for row in rows or ()), default=0)


def densities(rows: Sequence[Mapping]) -> dict[str, float]:
  """Returns what each player that has masks keeps of its weights in the end."""
  last = next((row for row in reversed(rows) if row['kind'] == 'train'), {})
  return {name.removesuffix('/density'): value for name, value in last.items() if name.endswith('/density') and value < 1}
