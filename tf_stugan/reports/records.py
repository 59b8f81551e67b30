"""What there is to say of a run: one record a workdir, and its curves."""

from collections.abc import Collection, Iterable, Mapping, Sequence
import contextlib
import json
import logging
import math
import os
import statistics

from tf_stugan import errors
from tf_stugan.training import best_scores
from tf_stugan.training import costs
from tf_stugan.training.saved_steps import list_checkpoints
from tf_stugan.training.workdir import Workdir

_LOG = logging.getLogger(__name__)

COST = 'training FLOPs'  # a column, and a curve


def name_runs(folders: Iterable[str]) -> dict[str, Workdir]:
  """Returns runs by what tells their paths apart: 'a/s1' and 'b/s1' of 'grid/a/s1' and 'grid/b/s1'.

  Folders that are none are left out; a warning names them.
  """
  paths = sorted({os.path.abspath(p) for p in folders if os.path.isdir(p)})
  workdirs = [w for w in map(Workdir, paths) if w.metrics.exists()]
  if left := [path for path in paths if path not in {str(w.path) for w in workdirs}]:
    _LOG.warning('Left out, for want of a metrics.jsonl: %s.', ', '.join(left))
  shared = os.path.commonpath([w.path.parent for w in workdirs]) if workdirs else ''
  return {str(w.path.relative_to(shared)): w for w in workdirs}


def protocol(workdir: Workdir) -> str:
  """Returns what two runs have to share to be compared, as text."""
  return comparable(_last_evaluation(workdir))


def comparable(row: Mapping[str, object]) -> str:
  """Returns what two rows of scores have to share to be compared, as text: data, features, numbers of images, conditions of
  the first score."""
  first = next(iter(best_scores.directions(row)), '')
  return json.dumps([protocol_of(row), best_scores.conditions(row, first)], sort_keys=True)


def protocol_of(row: Mapping[str, object]) -> dict[str, object]:
  """Returns the protocol of a row of scores, in today's words: rows that are older say 'generator' for what was scored."""
  return {'scored' if name == 'generator' else name: value for name, value in row['protocol'].items()}


def _last_evaluation(workdir):
  return _evaluations(workdir.rows())[-1]


def _evaluations(rows):
  """Lists the rows of scores that can be compared with the last one: a run may have been scored otherwise before."""
  found = [row for row in rows if row['kind'] == 'evaluation']
  return [row for row in found if comparable(row) == comparable(found[-1])]


def scores_apart(workdirs: Iterable[Workdir]) -> set[str]:
  """Returns the names of scores that these runs made under several conditions, so that their columns have to tell which."""
  found = {}
  for row in map(_last_evaluation, workdirs):
    for name in best_scores.directions(row):
      found.setdefault(name, set()).add(best_scores.conditions(row, name))
  return {name for name, conditions in found.items() if len(conditions) > 1}


def evaluated_steps(workdir: Workdir) -> list[int]:
  """Returns the steps at which a run was scored as it was in the end."""
  return [row['step'] for row in _evaluations(workdir.rows())]


def record(workdir: Workdir, last_step: float = math.inf, apart: Collection[str] = ()) -> dict[str, object]:
  """Returns what a table says of a run; keys are column titles.

  Args:
    workdir: of the run.
    last_step: what came later is left out.
    apart: names of scores whose columns tell their conditions, since other runs made them under others.

  Raises:
    UserError: the run has not been evaluated until then.
  """
  rows = workdir.rows()
  evaluations = [row for row in _evaluations(rows) if row['step'] <= last_step]
  if not evaluations:
    raise errors.UserError(f'{workdir.path} has no evaluation in its metrics.jsonl yet.')
  last = evaluations[-1]
  cost, train = (_last(rows, kind, last_step) for kind in ('cost', 'train'))
  result = {'run': workdir.path.name, 'method': cost.get('method') or _methods(cost), 'step': last['step']}
  players = short_names(cost)
  for player, short in players.items():
    result |= _describe_player(player, short, cost, train)
  result |= training_cost(rows, last['step'])
  for name in (name for name in train if name.endswith('balance_ratio')):
    result |= {name.replace('_', ' '): train[name], f'{name.replace("_", " ")} median': _settled(rows, name, last['step'])}
  result |= _scores(evaluations, apart)
  if exported := sorted(workdir.path.glob('*.tflite')):
    result['bytes'] = exported[0].stat().st_size
  for kind in ('train', 'evaluation'):
    result[f'{kind} minutes'] = _seconds(workdir, kind) / 60
  conditions = protocol_of(last)
  result['scored'] = conditions.get('scored', '')
  result['data'] = conditions.get('data', '')
  result['extractor'] = conditions['extractor']
  result['images'] = f'{conditions["generated_images"]} / {conditions["real_images"]}'
  result['players'] = ', '.join(f'{short}: {player}' for player, short in players.items() if short != player)
  return result


def _last(rows, kind, last_step):
  """Returns the last row of a kind up to a step; the first one where none comes so early, {} without any."""
  found = [row for row in rows if row['kind'] == kind]
  return next((row for row in reversed(found) if row['step'] <= last_step), found[0] if found else {})


def _settled(rows, name, last_step):
  """Returns the median over the second half of a run: a ratio whose mean any single value may carry off."""
  found = [row[name] for row in rows if row['kind'] == 'train' and name in row and last_step / 2 <= row['step'] <= last_step]
  return statistics.median(found) if found else math.nan


def _methods(cost):
  """Names the classes of the players' methods, for a run that has no label."""
  return ', '.join(dict.fromkeys(value for name, value in cost.items() if name.endswith('/method')))


def _describe_player(player, short, cost, train):
  result = {
      f'{short} density': train.get(f'{player}/density', 1.0), f'{short} parameters': cost[f'{player}/kept_parameters'],
      f'{short} multiply-adds': cost[f'{player}/multiply_adds'],
      f'{short} multiply-adds / dense': cost[f'{player}/multiply_adds'] / cost[f'{player}/dense_multiply_adds']}
  explored = train.get(f'{player}/exploration_rate')
  return result if explored is None else {**result, f'{short} explored': explored}


def _scores(evaluations, apart):
  """Returns columns of the last scores, of the best of the first one, and conditions that no column tells."""
  last = evaluations[-1]
  directions, titles = best_scores.directions(last), _titles(last, apart)
  result = {titles[name]: last[name] for name in directions}
  if best := best_scores.best_score(evaluations):
    result |= {f'best {title(best.name)}': best.value, f'best {title(best.name)} at step': best.step}
  told = {title(name): best_scores.conditions(last, name) for name in directions if name not in apart}
  shared = {name: text for name, text in told.items() if text}
  return result | ({'conditions': '; '.join(f'{name}: {text}' for name, text in shared.items())} if shared else {})


def _titles(row, apart):
  """Returns the column of each score."""
  return {name: f'{title(name)} ({best_scores.conditions(row, name)})' if name in apart else title(name)
          for name in best_scores.directions(row)}


def lower_is_better(workdir: Workdir, apart: Collection[str] = ()) -> dict[str, bool]:
  """Tells which way is better, by column, of the scores of a run's last evaluation."""
  row = _last_evaluation(workdir)
  titles = _titles(row, apart)
  return {titles[name]: better == 'lower' for name, better in best_scores.directions(row).items()}


def main_score(workdir: Workdir) -> str:
  """Returns the name of the first score of a run; empty for a run without any."""
  directions = [best_scores.directions(row) for row in workdir.rows() if row['kind'] == 'evaluation']
  return next(iter(directions[-1]), '') if directions else ''


def title(name: str) -> str:
  """Returns what a column of this score is called: 'FID', or 'FID a_to_b' of one output among several."""
  output, _, score = name.rpartition('/')
  return f'{score.upper()} {output}'.strip()


def short_names(cost: Mapping[str, object]) -> dict[str, str]:
  """Returns {player: how it is called in columns} of a row of costs: its first letter where all players have another one."""
  players = [name.removesuffix('/multiply_adds') for name in cost if name.endswith('/multiply_adds')]
  letters = [player[0].upper() for player in players]
  return dict(zip(players, letters if len(set(letters)) == len(players) else players, strict=True))


def logged_densities(workdir: Workdir, last_step: int) -> dict[int, dict[str, dict[str, float]]]:
  """Returns {step: {player: {masked layer: density}}}, at step 0 and at changes up to `last_step`; {} if not logged."""
  return {row['step']: {key.removesuffix('/layer_densities'): value for key, value in row.items()
                        if key.endswith('/layer_densities')} for row in costs.cost_rows(workdir.rows(), last_step)}


def training_cost(rows: Sequence[dict], last_step: int) -> dict[str, float]:
  """Returns columns of the operations of all steps up to `last_step`; none where they were not logged."""
  found = costs.cost_rows(rows, last_step)
  if not found:
    return {}
  spent, dense = costs.sum_operations(found, last_step)
  needed = costs.prior_operations(rows)
  return {COST: spent, 'training FLOPs / dense': spent / dense,
          **({'all training FLOPs / dense': (spent + needed) / dense} if needed else {})}


def _seconds(workdir, kind):
  for path in reversed(list_checkpoints(workdir.checkpoints)):
    with contextlib.suppress(OSError, ValueError, KeyError):
      return json.loads((path / 'state.json').read_text())[f'{kind}_seconds']
  return math.nan


def curves(workdir: Workdir) -> dict[str, tuple[list[int], list[float]]]:
  """Returns {'fcd': (steps, values), 'balance_ratio': ...}: scores, balance, densities and exploration rates over a run, and
  what training had cost ('training FLOPs') when it was scored."""
  result, rows = {}, workdir.rows()
  evaluations = _evaluations(rows)
  for row in (row for row in rows if row['kind'] != 'evaluation' or row in evaluations):
    scores = best_scores.directions(row) if row['kind'] == 'evaluation' else {}
    for name, value in row.items():
      if name in scores or name.endswith(('balance_ratio', '/exploration_rate', '/density')):
        steps, values = result.setdefault(name, ([], []))
        steps.append(row['step'])
        values.append(value)
    if row['kind'] == 'evaluation' and (spent := training_cost(rows, row['step'])):
      steps, values = result.setdefault(COST, ([], []))
      steps.append(row['step'])
      values.append(spent[COST])
  return result
