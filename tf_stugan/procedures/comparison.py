"""Runs side by side: one record a workdir, as a table and as figures."""

from collections.abc import Iterable, Mapping, Sequence
import contextlib
import csv
import io
import json
import math
import os
import pathlib

from tf_stugan import errors
from tf_stugan.training.saved_steps import list_steps
from tf_stugan.training.workdir import Workdir

_SCORES = ('fid', 'fcd', 'is', 'cs', 'kid', 'kcd')
_DISTANCES = ('fid', 'fcd')
_MAIN = ('run', 'method', 'step', 'FID', 'best FID', 'FCD', 'best FCD', 'G density', 'D density', 'G multiply-adds / dense',
         'training FLOPs / dense', 'train minutes')  # the columns that fit a terminal


def name_runs(folders: Iterable[str]) -> dict[str, Workdir]:
  """Runs by what tells their paths apart: 'a/s1' and 'b/s1' of 'grid/a/s1' and 'grid/b/s1'. Other folders are left out."""
  paths = sorted({os.path.abspath(p) for p in folders if os.path.isdir(p)})
  workdirs = [w for w in map(Workdir, paths) if w.metrics.exists()]
  shared = os.path.commonpath([w.path.parent for w in workdirs]) if workdirs else ''
  return {str(w.path.relative_to(shared)): w for w in workdirs}


def protocol(workdir: Workdir) -> str:
  """What two runs have to share for their scores to be comparable: data, features, numbers of images ...; as text."""
  last = [row for row in workdir.rows() if row['kind'] == 'evaluation'][-1]
  return json.dumps(last['protocol'], sort_keys=True)


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
  result = {'run': workdir.path.name, 'method': cost.get('method') or cost.get('generator/method', ''), 'step': last['step']}
  for name, short in (('generator', 'G'), ('discriminator', 'D')):
    result[f'{short} density'] = train.get(f'{name}/density', 1.0)
    result[f'{short} parameters'] = cost.get(f'{name}/kept_parameters')
    if cost:
      result[f'{short} multiply-adds / dense'] = cost[f'{name}/multiply_adds'] / cost[f'{name}/dense_multiply_adds']
  result |= _training_cost(rows, last['step'])
  result['G explored'] = train.get('generator/exploration_rate', 1.0)
  if 'balance_ratio' in train:
    result['balance ratio'] = train['balance_ratio']
  for score in _SCORES:
    if score in last:
      result[score.upper()] = last[score]
      if score in _DISTANCES:
        best = min((row for row in evaluations if row.get('settled', True)), key=lambda row: row[score], default=last)
        result[f'best {score.upper()}'] = best[score]
        result[f'best {score.upper()} at step'] = best['step']
  for kind in ('train', 'evaluation'):
    result[f'{kind} minutes'] = _seconds(workdir, kind) / 60
  result['generator'] = last['protocol'].get('generator', '')  # and which BatchNorm statistics
  result['data'] = last['protocol'].get('data', '')
  result['extractor'] = last['protocol']['extractor']
  result['images'] = f'{last["protocol"]["generated_images"]} / {last["protocol"]["real_images"]}'
  return result


def _training_cost(rows, last_step):
  """Operations of all steps up to `last_step`, added up over the masks that each of them had."""
  costs = [row for row in rows if row['kind'] == 'cost' and 'step_operations' in row and row['step'] <= last_step]
  if not costs or costs[0]['step']:
    return {}
  spans = [end - row['step'] for row, end in zip(costs, [*(r['step'] for r in costs[1:]), last_step], strict=True)]
  spent = sum(span * row['step_operations'] for span, row in zip(spans, costs, strict=True))
  return {'training FLOPs': spent, 'training FLOPs / dense': spent / (last_step * costs[0]['dense_step_operations'])}


def _seconds(workdir, kind):
  for path in reversed(list_steps(workdir.checkpoints)):
    with contextlib.suppress(OSError, ValueError, KeyError):
      return json.loads((path / 'state.json').read_text())[f'{kind}_seconds']
  return math.nan


def curves(workdir: Workdir) -> dict[str, tuple[list[int], list[float]]]:
  """{'fcd': (steps, values), 'balance_ratio': ...}: scores, balance, densities and exploration rates over a run."""
  result = {}
  for row in workdir.rows():
    for name, value in row.items():
      if name in _SCORES or name == 'balance_ratio' or name.endswith(('/exploration_rate', '/density')):
        steps, values = result.setdefault(name, ([], []))
        steps.append(row['step'])
        values.append(value)
  return result


def curves_as_csv(runs: Mapping[str, Workdir]) -> str:
  """All curves of all runs, a value a line: run,quantity,step,value. One that stays stands at its first and last step."""
  text = io.StringIO()
  writer = csv.writer(text, lineterminator='\n')
  writer.writerow(['run', 'quantity', 'step', 'value'])
  for run, workdir in runs.items():
    for name, (steps, values) in curves(workdir).items():
      for i, (step, value) in enumerate(zip(steps, values, strict=True)):
        if i in (0, len(steps) - 1) or value != values[i - 1]:
          writer.writerow([run, name, step, value])
  return text.getvalue()


def markdown(records: Sequence[dict[str, object]], every_column: bool = True) -> str:
  """A table with a column for every key that some record has, or for those that matter most; the protocol of the scores,
  which all records share, is told below it then."""
  columns = [c for c in _columns(records) if every_column or c in _MAIN]
  rows = [columns, ['---'] * len(columns), *([_text(r.get(c)) for c in columns] for r in records)]
  widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
  table = ''.join('| ' + ' | '.join(map(str.ljust, row, widths)) + ' |\n' for row in rows)
  if every_column:
    return table
  r = records[0]
  return (f'{table}\nScores on {r["data"]}: {r["extractor"]}; {r["images"]} generated / real images; {r["generator"]}.\n'
          'G: generator, D: discriminator; density: share of the weights kept in the layers that are masked.\n')


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
    return f'{value:.3f}' if abs(value) < 10 else f'{value:.1f}' if abs(value) < 1e6 else f'{value:.3g}'
  return f'{value:,}' if isinstance(value, int) else str(value)


def plot_density(records: Sequence[dict[str, object]], path: pathlib.Path) -> None:
  """Distance against generator density, one mark a run, coloured by method; no file for a single density."""
  score = _common_distance(records)
  path.unlink(missing_ok=True)
  if len({r['G density'] for r in records}) < 2:
    return
  figure, axes = _axes(f'{score} against the density of the generator', 'generator density', score)
  for method in sorted({str(r['method']) for r in records}):
    chosen = sorted((r for r in records if r['method'] == method), key=lambda r: r['G density'])
    axes.plot([r['G density'] for r in chosen], [r[score] for r in chosen], 'o', label=method)
  axes.set_xscale('log')
  axes.legend()
  figure.savefig(path)


def plot_curves(runs: Mapping[str, Workdir], name: str, path: pathlib.Path, log_scale: bool = False) -> None:
  """One quantity over the steps of several runs; no file where none of them has it, or where it stays in all of them."""
  found = {run: c[name] for run, workdir in runs.items() if name in (c := curves(workdir))}
  path.unlink(missing_ok=True)
  if all(len(set(values)) < 2 for _, values in found.values()):
    return
  figure, axes = _axes(name, 'generator step', name)
  for run, (steps, values) in found.items():
    axes.plot(steps, values, label=run)
  if log_scale:
    axes.set_yscale('log')
  if name == 'balance_ratio':  # a ratio: where the gap between real and fake closes it runs off to any size
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, -0.5), min(high, 2))
  axes.legend(fontsize='small')
  figure.savefig(path)


def plot_layers(run: str, workdir: Workdir, path: pathlib.Path) -> None:
  """Density and exploration rate of every masked layer of every player over the steps of one run."""
  rows = [row for row in workdir.rows() if row['kind'] == 'cost']
  last = rows[-1] if rows else {}
  names = [key for key, value in last.items() if key.endswith(('/layer_densities', '/layer_exploration')) and value]
  if not names:
    return
  figures = _matplotlib()
  figure = figures.Figure(figsize=(12, 4 * -(-len(names) // 2)), dpi=100, layout='constrained')
  for i, name in enumerate(names):
    axes = figure.add_subplot(-(-len(names) // 2), 2, i + 1, title=f'{run}: {name}', xlabel='generator step')
    axes.grid(alpha=0.3)
    for layer in last[name]:
      axes.plot([row['step'] for row in rows], [row[name][layer] for row in rows], label=layer)
    axes.legend(fontsize='x-small')
  figure.savefig(path)


def _common_distance(records):
  for score in _DISTANCES:
    if all(score.upper() in r for r in records):
      return score.upper()
  raise errors.UserError('Some of these runs were scored by Inception and some by a classifier; compare them apart.')


def _matplotlib():
  import matplotlib  # pylint: disable=g-import-not-at-top  (slow, and only figures need it)
  matplotlib.use('Agg')
  from matplotlib import figure  # pylint: disable=g-import-not-at-top
  return figure


def _axes(title, x, y):
  figure = _matplotlib().Figure(figsize=(8, 5), dpi=120, layout='constrained')
  axes = figure.add_subplot(title=title, xlabel=x, ylabel=y)
  axes.grid(alpha=0.3)
  return figure, axes
