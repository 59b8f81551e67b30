"""What figures begin with; and the layers of one run."""

import pathlib

from tf_stugan.training.workdir import Workdir

_UNITS = {'E': 1e18, 'P': 1e15, 'T': 1e12, 'G': 1e9, 'M': 1e6, 'k': 1e3}
_FORMATS = ('.png', '.pdf')


def plot_layers(run: str, workdir: Workdir, path: pathlib.Path) -> None:
  """Draws density and exploration rate of every masked layer of every player over the steps of one run."""
  rows = [row for row in workdir.rows() if row['kind'] == 'cost']
  last = rows[-1] if rows else {}
  names = [key for key, value in last.items() if key.endswith(('/layer_densities', '/layer_exploration')) and value]
  if not names:
    return
  figures = import_matplotlib()
  figure = figures.Figure(figsize=(12, 4 * -(-len(names) // 2)), dpi=100, layout='constrained')
  for i, name in enumerate(names):
    axes = figure.add_subplot(-(-len(names) // 2), 2, i + 1, title=f'{run}: {name}', xlabel='step')
    axes.grid(alpha=0.3)
    for layer in last[name]:
      axes.plot([row['step'] for row in rows], [row[name][layer] for row in rows], label=layer)
    axes.legend(fontsize='x-small')
  figure.savefig(path)


def import_matplotlib():
  """Returns matplotlib.figure, set to draw into files: there may be no screen."""
  import matplotlib  # pylint: disable=g-import-not-at-top  (slow, and only figures need it)
  matplotlib.use('Agg')
  from matplotlib import figure  # pylint: disable=g-import-not-at-top
  return figure


def axes(title: str, x: str, y: str):
  """Returns an empty (figure, axes), so small that its letters can be read at half the width of a page."""
  figure = import_matplotlib().Figure(figsize=(5.2, 3.6), dpi=160, layout='constrained')
  made = figure.add_subplot(xlabel=x, ylabel=y)
  made.set_title(title, fontsize='medium')
  made.grid(alpha=0.3)
  return figure, made


def write_plainly(axis) -> None:
  """Has numbers of a logarithmic axis written as 20, 30, 50, 100, 0.5, 300k or 2M, not as powers."""
  def write_some(x, _):
    low, high = sorted(axis.get_view_interval())
    first_digits = '23456789' if high < 4 * low else '235' if high < 1000 * low else ()
    return _plain(x) if f'{x:e}'[0] in first_digits else ''
  axis.set_major_formatter(lambda x, _: _plain(x))
  axis.set_minor_formatter(write_some)


def _plain(x):
  letter, unit = next(((letter, unit) for letter, unit in _UNITS.items() if abs(x) >= unit), ('', 1))
  return f'{x / unit:g}{letter}' if unit > 1000 or abs(x) >= 10_000 else f'{x:g}'


def save(figure, path: pathlib.Path) -> None:
  """Writes a figure as PNG and PDF; `path` has no ending."""
  for ending in _FORMATS:
    metadata = {'CreationDate': None} if ending == '.pdf' else None  # the same figure is the same file
    figure.savefig(path.with_name(path.name + ending), bbox_inches='tight', metadata=metadata)
