"""Runs that belong to no ladder, beside ladders: as rounds, by their densities."""

from collections.abc import Iterable, Sequence
import math

from tf_stugan import gin_files
from tf_stugan.reports import ladder_scores
from tf_stugan.reports import records
from tf_stugan.reports import rows as rows_lib
from tf_stugan.reports.ladder_scores import LadderScores
from tf_stugan.training import best_scores
from tf_stugan.training import costs
from tf_stugan.training import rounds


def read(runs: Iterable[rows_lib.Run], ladders: Sequence[LadderScores]) -> list[LadderScores]:
  """Reads runs that belong to no ladder as if they were rounds of one.

  Those of one method are rounds by their densities, of which each costs its own training and what it needed before.

  Args:
    runs: of the report; those that were scored otherwise are left out, those where a player that all the ladders prune has
      no masks, and those that are still trained.
    ladders: of one protocol.
  """
  pruned = frozenset.intersection(*(ladder.pruned for ladder in ladders))
  groups = {}
  for run in runs:
    rows = run.workdir.rows()
    best, densities = best_scores.best_score(rows), ladder_scores.densities(rows)
    if best and pruned and pruned <= densities.keys() and records.comparable(best.row) == ladders[0].protocol and not (
        rounds.read_description(run.workdir.path.parent)) and _has_ended(run, rows):
      remaining = round(math.fsum(densities[player] for player in pruned) / len(pruned), 3)
      method = records.record(run.workdir)['method']
      groups.setdefault(method, []).append((remaining, run, best.value, _all_training(rows) / ladders[0].dense_cost))
  return [ladder for method, group in groups.items() for ladder in _make_ladders(method, method, group, ladders)]


def _all_training(rows):
  return costs.run_operations(rows) + costs.prior_operations(rows)


def _has_ended(run, rows):
  """Tells whether a run came as far as its configuration says, if it does."""
  num_steps = gin_files.literal(rows_lib.setting(run.workdir).get('NUM_STEPS', '0'))
  return not isinstance(num_steps, int) or ladder_scores.last_step(rows) >= num_steps


def _make_ladders(procedure, method, group, ladders):
  """Makes one of the runs of each seed; where those of several rows have the same density, of each row and seed."""
  rows = dict.fromkeys(run.row for _, run, *_ in group)
  if len({(remaining, run.row) for remaining, run, *_ in group}) > len({remaining for remaining, *_ in group}):
    return [ladder for row in rows for ladder in _make_ladders(
        procedure, f'{method} ({row})', [entry for entry in group if entry[1].row == row], ladders)]
  levels = sorted({remaining for remaining, *_ in group}, reverse=True)
  by_seed = {}
  for remaining, run, value, cost in group:
    by_seed.setdefault(run.seed, {})[levels.index(remaining) + 1] = value, cost
  return [ladders[0]._replace(
      name=method, procedure=procedure, method=method, seed=seed, setting='', dense=_dense_of(seed, ladders),
      scores={i: value for i, (value, _) in found.items()}, remaining=dict(enumerate(levels, 1)),
      costs={i: cost for i, (_, cost) in found.items()}) for seed, found in by_seed.items()]


def _dense_of(seed, ladders):
  """Returns the dense score of the ladders of this seed, or of all of them."""
  scores = [ladder.dense for ladder in ladders if str(ladder.seed) == seed] or [ladder.dense for ladder in ladders]
  return math.fsum(scores) / len(scores)
