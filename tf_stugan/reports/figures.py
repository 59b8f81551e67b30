"""Figures of runs side by side."""

from collections.abc import Mapping, Sequence
import pathlib

from tf_stugan.reports import records as records_lib
from tf_stugan.training.workdir import Workdir


def plot_density(records: Sequence[dict[str, object]], path: pathlib.Path) -> None:
  """The first score against the first density that varies, one mark a run, coloured by method; no file where none does."""
  path.unlink(missing_ok=True)
  score = next(column.removeprefix('best ') for column in records[0] if column.startswith('best '))
  densities = [column for column in records[0] if column.endswith(' density')]
  varied = [column for column in densities if len({r.get(column) for r in records}) > 1]
  if not varied:
    return
  density = varied[0]
  figure, axes = _axes(f'{score} against {density}', density, score)
  for method in sorted({str(r['method']) for r in records}):
    chosen = sorted((r for r in records if r['method'] == method), key=lambda r: r[density])
    axes.plot([r[density] for r in chosen], [r[score] for r in chosen], 'o', label=method)
  axes.set_xscale('log')
  axes.legend()
  figure.savefig(path)


def plot_curves(runs: Mapping[str, Workdir], name: str, path: pathlib.Path, log_scale: bool = False) -> None:
  """One quantity over the steps of several runs; no file where none of them has it, or where it stays in all of them."""
  found = {run: c[name] for run, workdir in runs.items() if name in (c := records_lib.curves(workdir))}
  path.unlink(missing_ok=True)
  if all(len(set(values)) < 2 for _, values in found.values()):
    return
  figure, axes = _axes(name, 'step', name)
  for run, (steps, values) in found.items():
    axes.plot(steps, values, label=run)
  if log_scale:
    axes.set_yscale('log')
  if name.endswith('balance_ratio'):  # a ratio: where the gap between real and fake closes it runs off to any size
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
    axes = figure.add_subplot(-(-len(names) // 2), 2, i + 1, title=f'{run}: {name}', xlabel='step')
    axes.grid(alpha=0.3)
    for layer in last[name]:
      axes.plot([row['step'] for row in rows], [row[name][layer] for row in rows], label=layer)
    axes.legend(fontsize='x-small')
  figure.savefig(path)


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
