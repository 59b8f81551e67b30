"""Runs side by side: one record a workdir, as a table and as figures."""

from collections.abc import Sequence
import csv
import io
import json
import math
import pathlib

from tf_stugan import errors
from tf_stugan.training.workdir import Workdir

_SCORES = ('fid', 'fcd', 'is', 'cs', 'kid', 'kcd')
_DISTANCES = ('fid', 'fcd')


def record(workdir: Workdir) -> dict[str, object]:
  """What a table says of a run; keys are column titles.

  Raises:
    UserError: the run has not been evaluated yet.
  """
  rows = workdir.rows()
  evaluations = [row for row in rows if row['kind'] == 'evaluation']
  if not evaluations:
    raise errors.UserError(f'{workdir.path} has no evaluation in its metrics.jsonl yet.')
  last = evaluations[-1]
  cost = next((row for row in reversed(rows) if row['kind'] == 'cost'), {})
  train = next((row for row in reversed(rows) if row['kind'] == 'train'), {})
  result = {'run': workdir.path.name, 'method': cost.get('generator/method', ''), 'step': last['step']}
  for name, short in (('generator', 'G'), ('discriminator', 'D')):
    result[f'{short} density'] = train.get(f'{name}/density', 1.0)
    result[f'{short} parameters'] = cost.get(f'{name}/kept_parameters')
    if cost:
      result[f'{short} multiply-adds / dense'] = cost[f'{name}/multiply_adds'] / cost[f'{name}/dense_multiply_adds']
  result['G explored'] = train.get('generator/exploration_rate', 1.0)
  for score in _SCORES:
    if score in last:
      result[score.upper()] = last[score]
      if score in _DISTANCES:
        best = min(evaluations, key=lambda row: row[score])
        result[f'best {score.upper()}'] = best[score]
        result[f'best {score.upper()} at step'] = best['step']
  result['train minutes'] = _train_seconds(workdir) / 60
  result['extractor'] = last['protocol']['extractor']
  result['images'] = f'{last["protocol"]["generated_images"]} / {last["protocol"]["real_images"]}'
  return result


def _train_seconds(workdir):
  states = sorted(workdir.checkpoints.glob('step-*/state.json'))
  return json.loads(states[-1].read_text())['train_seconds'] if states else math.nan


def curves(workdir: Workdir) -> dict[str, tuple[list[int], list[float]]]:
  """{'fcd': (steps, values), 'generator/exploration_rate': ...}: scores and exploration rates over a run."""
  result = {}
  for row in workdir.rows():
    for name, value in row.items():
      if name in _SCORES or name.endswith('/exploration_rate'):
        steps, values = result.setdefault(name, ([], []))
        steps.append(row['step'])
        values.append(value)
  return result


def curves_as_csv(workdirs: Sequence[Workdir]) -> str:
  """All curves of all runs, one value a line: run,quantity,step,value."""
  text = io.StringIO()
  writer = csv.writer(text, lineterminator='\n')
  writer.writerow(['run', 'quantity', 'step', 'value'])
  for workdir in workdirs:
    for name, (steps, values) in curves(workdir).items():
      writer.writerows([workdir.path.name, name, step, value] for step, value in zip(steps, values, strict=True))
  return text.getvalue()


def markdown(records: Sequence[dict[str, object]]) -> str:
  """A table with a column for every key that some record has."""
  columns = _columns(records)
  lines = ['| ' + ' | '.join(columns) + ' |', '|' + ' --- |' * len(columns)]
  lines += ['| ' + ' | '.join(_text(r.get(c)) for c in columns) + ' |' for r in records]
  return '\n'.join(lines) + '\n'


def comma_separated(records: Sequence[dict[str, object]]) -> str:
  """The same as CSV, with all digits."""
  text = io.StringIO()
  writer = csv.DictWriter(text, _columns(records), lineterminator='\n')
  writer.writeheader()
  writer.writerows(records)
  return text.getvalue()


def _columns(records):
  return list(dict.fromkeys(key for r in records for key in r))


def _text(value):
  if value is None:
    return ''
  if isinstance(value, float):
    return f'{value:.3f}' if abs(value) < 10 else f'{value:.1f}'
  return f'{value:,}' if isinstance(value, int) else str(value)


def plot_density(records: Sequence[dict[str, object]], path: pathlib.Path) -> None:
  """Distance against generator density, one mark a run, coloured by method."""
  score = _common_distance(records)
  figure, axes = _axes(f'{score} against the density of the generator', 'generator density', score)
  for method in sorted({str(r['method']) for r in records}):
    chosen = sorted((r for r in records if r['method'] == method), key=lambda r: r['G density'])
    axes.plot([r['G density'] for r in chosen], [r[score] for r in chosen], 'o', label=method)
  axes.set_xscale('log')
  axes.legend()
  figure.savefig(path)


def plot_curves(workdirs: Sequence[Workdir], name: str, path: pathlib.Path, log_scale: bool = False) -> None:
  """One quantity over the steps of several runs."""
  figure, axes = _axes(name, 'generator step', name)
  for workdir in workdirs:
    if name in (all_curves := curves(workdir)):
      axes.plot(*all_curves[name], label=workdir.path.name)
  if log_scale:
    axes.set_yscale('log')
  axes.legend(fontsize='small')
  figure.savefig(path)


def _common_distance(records):
  for score in _DISTANCES:
    if all(score.upper() in r for r in records):
      return score.upper()
  raise errors.UserError('Some of these runs were scored by Inception and some by a classifier; compare them apart.')


def _axes(title, x, y):
  import matplotlib  # pylint: disable=g-import-not-at-top  (slow, and only figures need it)
  matplotlib.use('Agg')
  from matplotlib import figure as figures  # pylint: disable=g-import-not-at-top
  figure = figures.Figure(figsize=(8, 5), dpi=120, layout='constrained')
  axes = figure.add_subplot(title=title, xlabel=x, ylabel=y)
  axes.grid(alpha=0.3)
  return figure, axes
