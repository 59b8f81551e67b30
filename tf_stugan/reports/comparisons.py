"""Figures of rows side by side: over steps with bands over seeds, and one number against another. As PNG and PDF."""

from collections.abc import Mapping, Sequence
import numbers
import pathlib

import pandas as pd

from tf_stugan.reports import figures
from tf_stugan.reports import records
from tf_stugan.reports import style
from tf_stugan.reports.rows import Row

_LARGE = ('FLOPs', 'bytes', 'density', 'milliseconds', 'multiply-adds', 'parameters')  # axes with orders of magnitude
_LABEL_SIZE = 8  # points
_FORMATS = ('.png', '.pdf')


def plot_curves(rows: Sequence[Row], name: str, path: pathlib.Path, log_scale: bool = False) -> bool:
  """Draws one quantity over the steps: the mean over seeds, and a band from the lowest to the highest of them.

  Args:
    rows: what is drawn.
    name: of a curve, see `records.curves`.
    path: without its ending; nothing is written where no row has the quantity, or it stays in all of them.
    log_scale: for a score.

  Returns:
    Whether something was drawn.
  """
  found = {row.name: _curves(row, name) for row in rows}
  found = {row: curves for row, curves in found.items() if curves}
  if all(curve.nunique() < 2 for curves in found.values() for curve in curves):
    return False
  title = records.title(name) if log_scale else name.replace('_', ' ')
  figure, axes = figures.axes(title, 'step', title)
  looks = style.looks({row.name: row.method for row in rows})
  ends = {}
  for row, curves in found.items():
    frame = pd.concat(curves, axis=1, join='inner').sort_index()
    frame = frame if len(frame) else curves[0].to_frame()
    look, mean = looks[row], frame.mean(axis=1)
    axes.plot(mean.index, mean, color=look.colour, linestyle=look.line, marker=look.marker if len(mean) == 1 else None)
    if frame.shape[1] > 1:
      axes.fill_between(mean.index, frame.min(axis=1), frame.max(axis=1), color=look.colour, alpha=0.15, linewidth=0)
    ends[row] = (mean.index[-1], mean.iloc[-1])
  if log_scale and all((curve > 0).all() for curves in found.values() for curve in curves):
    axes.set_yscale('log')
  if name.endswith('balance_ratio'):  # a ratio: where the gap between real and fake closes it runs off to any size
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, -0.5), min(high, 2))
  _label(figure, axes, ends, looks, beside=True)
  _save(figure, path)
  return True


def _curves(row, name):
  """Lists the curves of the runs, by step."""
  found = [records.curves(run.workdir).get(name) for run in row.runs]
  series = [pd.Series(values, steps, dtype=float) for steps, values in filter(None, found)]
  return [s[~s.index.duplicated(keep='last')] for s in series]


def plot_against(table: pd.DataFrame, what: str, against: str, path: pathlib.Path) -> bool:
  """Draws one column of a table of rows against another: a mark a row, a bar over its seeds; those of a method are joined.

  Args:
    table: of `rows.table`.
    what: a column of numbers.
    against: another column.
    path: without its ending; nothing is written where the rows have less than two values of `against`.

  Returns:
    Whether something was drawn.
  """
  if what not in table or against not in table:
    return False
  shown = table[table[what].notna() & table[against].notna()]
  if shown[against].map(str).nunique() < 2:
    return False
  figure, axes = figures.axes(f'{what} against {against}', against, what)
  looks = style.looks(dict(zip(table['row'], table['method'], strict=True)))
  xs = [x if isinstance(x, numbers.Real) else str(x) for x in shown[against]]
  xs = xs if all(isinstance(x, numbers.Real) for x in xs) else list(map(str, xs))
  points = dict(zip(shown['row'], zip(xs, shown[what], strict=True), strict=True))
  for _, lines in shown.groupby('method', sort=False):
    if lines[against].map(str).nunique() == len(lines) > 1:
      ordered = sorted((points[row] for row in lines['row']), key=lambda point: point[0])
      axes.plot(*zip(*ordered, strict=True), color=looks[lines['row'].iloc[0]].colour, linewidth=0.8, alpha=0.6)
  for line in shown.to_dict('records'):
    (x, y), look = points[line['row']], looks[line['row']]
    bar = [[max(y - line.get(f'{what} minimum', y), 0)], [max(line.get(f'{what} maximum', y) - y, 0)]]
    axes.errorbar([x], [y], yerr=bar, fmt=look.marker, color=look.colour, capsize=3)
  if all(isinstance(x, numbers.Real) and x > 0 for x in xs) and any(word in against for word in _LARGE):
    axes.set_xscale('log')
  _label(figure, axes, points, looks)
  _save(figure, path)
  return True


def _label(figure, axes, points: Mapping[str, tuple[object, float]], looks, beside: bool = False):
  """Writes the name of each row where it is, or at the right edge, in its colour; moved up or down where they would meet."""
  figure.canvas.draw()  # scales are known now
  figure.set_layout_engine('none')  # labels make the figure wider, not the axes narrower
  height = _LABEL_SIZE * 1.25 * figure.dpi / 72
  places = {row: axes.transData.transform((axes.convert_xunits(x), y)) for row, (x, y) in points.items()}
  bottom, top = axes.bbox.y0, axes.bbox.y1
  heights = _spread({row: min(max(place[1], bottom), top) for row, place in places.items()}, height, bottom)
  edge, limits = axes.bbox.x1, axes.get_ylim()
  for row, (x, y) in places.items():
    shown = min(max(y, bottom), top)
    offset = ((edge - x if beside else 0) + 8, heights[row] - shown)
    end = points[row][0], min(max(points[row][1], min(limits)), max(limits))
    axes.annotate(row, end, tuple(72 / figure.dpi * o for o in offset), textcoords='offset points',
                  color=looks[row].colour, fontsize=_LABEL_SIZE, verticalalignment='center', annotation_clip=False,
                  arrowprops={'arrowstyle': '-', 'color': looks[row].colour, 'linewidth': 0.4, 'alpha': 0.5})


def _spread(places: Mapping[str, float], height: float, bottom: float) -> dict[str, float]:
  """Returns the same places, so far apart that none is nearer to another than `height`; about as high as they were."""
  order = sorted(places, key=lambda row: places[row])
  result = {}
  for i, row in enumerate(order):
    result[row] = max(places[row], result[order[i - 1]] + height if i else bottom)
  shift = sum(result[row] - places[row] for row in order) / max(len(order), 1)
  shift = min(shift, result[order[0]] - bottom) if order else 0
  return {row: place - shift for row, place in result.items()}


def _save(figure, path):
  for ending in _FORMATS:
    metadata = {'CreationDate': None} if ending == '.pdf' else None  # the same figure is the same file
    figure.savefig(path.with_name(path.name + ending), bbox_inches='tight', metadata=metadata)
