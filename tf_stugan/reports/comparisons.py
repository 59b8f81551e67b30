"""Figures of rows side by side: over steps with bands over seeds, and one number against another. As PNG and PDF."""

from collections.abc import Mapping, Sequence
import numbers
import pathlib

import pandas as pd

from tf_stugan.reports import figures
from tf_stugan.reports import intervals
from tf_stugan.reports import records
from tf_stugan.reports import rows as rows_lib
from tf_stugan.reports import style

_LARGE = ('FLOPs', 'bytes', 'density', 'milliseconds', 'multiply-adds', 'parameters')  # axes with orders of magnitude
_LABEL_SIZE = 9  # points


def plot_curves(curves: Mapping[str, Sequence[pd.Series]], methods: Mapping[str, str], name: str, path: pathlib.Path,
                log_scale: bool = False, costs: Mapping[str, Sequence[pd.Series]] | None = None) -> bool:
  """Draws one quantity over the steps: the mean over seeds, and the band of its 95 % interval; of two seeds both ends.

  Args:
    curves: values of each run by step, by row.
    methods: of the rows, and of others that have a look of their own.
    name: of the quantity, see `records.curves`.
    path: without its ending; nothing is written where no row has the quantity, or it stays in all of them.
    log_scale: for a score.
    costs: what training had cost each run by step, by row: the axis in the place of the steps.

  Returns:
    Whether something was drawn.
  """
  found = {row: _side_by_side(runs) for row, runs in curves.items() if runs}
  found = {row: frame for row, frame in found.items() if len(frame)}
  if all(frame[column].nunique() < 2 for frame in found.values() for column in frame):
    return False
  title = records.title(name) if log_scale else name.replace('_', ' ')
  figure, axes = figures.axes(_with_spread(title, found.values()), records.COST if costs else 'step', title)
  looks = {row: look for row, look in style.looks(methods).items() if row in found}
  ends = {}
  for row, frame in found.items():
    look, mean = looks[row], frame.mean(axis=1)
    places = _side_by_side(costs[row]).mean(axis=1).reindex(frame.index) if costs else mean.index
    axes.plot(places, mean, color=look.colour, linestyle=look.line, marker=look.marker if len(mean) == 1 else None)
    if frame.shape[1] > 1:
      axes.fill_between(places, *_band(frame), color=look.colour, alpha=0.15, linewidth=0)
    ends[row] = (list(places)[-1], mean.iloc[-1])
  if log_scale and all((frame > 0).all(axis=None) for frame in found.values()):
    axes.set_yscale('log')
    figures.write_plainly(axes.yaxis)
  low, high = min(frame.min(axis=None) for frame in found.values()), max(frame.max(axis=None) for frame in found.values())
  margin = 0.05 * (high - low)
  low, high = (low / 1.1, high * 1.1) if axes.get_yscale() == 'log' else (low - margin, high + margin)
  if name.endswith('balance_ratio'):  # a ratio: where the gap between real and fake closes it runs off to any size
    low, high = max(low, -0.5), min(high, 2)
  axes.set_ylim(low, high)  # of what runs had; a band of few seeds may be any wide
  if costs:
    axes.set_xscale('log')
  _label(figure, axes, ends, looks, beside=True)
  figures.save(figure, path)
  return True


def _side_by_side(curves):
  """Returns a column a run, up to where the shortest has come. Where a run says nothing, its value has stayed."""
  columns = [curve[~curve.index.duplicated(keep='last')] for curve in curves]
  frame = pd.concat(columns, axis=1, ignore_index=True).sort_index().ffill()
  return frame[frame.index <= min(curve.index[-1] for curve in columns)].dropna()


def _band(frame):
  if frame.shape[1] < intervals.FEWEST_SEEDS:
    return frame.min(axis=1), frame.max(axis=1)
  ends = [intervals.interval(values) for values in frame.to_numpy()]
  return tuple(zip(*ends, strict=True))


def _with_spread(title, frames):
  band = _band_of(max(frame.shape[1] for frame in frames))
  return f'{title}; band: {band}' if band else title


def _band_of(most):
  """Says what is drawn of so many seeds."""
  if most < intervals.FEWEST_SEEDS:
    return 'both of 2 seeds' if most > 1 else ''
  return f'95 % interval of the mean over {most} seeds'


def plot_against(table: pd.DataFrame, what: str, against: str, path: pathlib.Path) -> bool:
  """Draws one column of a table of rows against another: a mark a row, a bar over its seeds (as the band of
  `plot_curves`); those of a method are joined, each form by itself.

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
  if 'form' in table:  # of which nothing else was measured
    runs = [row.removesuffix(f', {form}') for row, form in zip(shown['row'], shown['form'], strict=True)]
    shown = shown[~shown.assign(row=runs).duplicated(['row', what, against])]
  if shown[against].map(str).nunique() < 2:
    return False
  bars = _band_of(int(shown.get('n', pd.Series([1])).max()))
  figure, axes = figures.axes(f'{what} against {against}' + (bars and f'\nbars: {bars}'), against, what)
  looks = style.looks(rows_lib.methods(table))
  xs = [x if isinstance(x, numbers.Real) else str(x) for x in shown[against]]
  xs = xs if all(isinstance(x, numbers.Real) for x in xs) else list(map(str, xs))
  points = dict(zip(shown['row'], zip(xs, shown[what], strict=True), strict=True))
  for _, lines in shown.groupby([name for name in ('method', 'form') if name in shown], sort=False, dropna=False):
    if lines[against].map(str).nunique() == len(lines) > 1:
      ordered = sorted((points[row] for row in lines['row']), key=lambda point: point[0])
      axes.plot(*zip(*ordered, strict=True), color=looks[lines['row'].iloc[0]].colour, linewidth=0.8, alpha=0.6)
  for line in shown.to_dict('records'):
    (x, y), look = points[line['row']], looks[line['row']]
    low, high = ('low', 'high') if line.get('n', 0) >= intervals.FEWEST_SEEDS else ('minimum', 'maximum')
    bar = [[max(y - line.get(f'{what} {low}', y), 0)], [max(line.get(f'{what} {high}', y) - y, 0)]]
    axes.errorbar([x], [y], yerr=bar, fmt=look.marker, color=look.colour, capsize=3,
                  fillstyle='none' if isinstance(line.get('form'), str) else 'full')
  if any(word in against for word in _LARGE) and all(isinstance(x, numbers.Real) and x > 0 for x in xs) and (
      max(xs) >= 2 * min(xs)):
    axes.set_xscale('log')
    figures.write_plainly(axes.xaxis)
  _label(figure, axes, points, looks)
  figures.save(figure, path)
  return True


def _label(figure, axes, points: Mapping[str, tuple[object, float]], looks, beside: bool = False):
  """Writes the name of each row where it is, or at the right edge, in its colour; moved up or down where they would meet."""
  figure.draw_without_rendering()  # scales are known now
  figure.set_layout_engine('none')  # labels make the figure wider, not the axes narrower
  height = _LABEL_SIZE * 1.25 * figure.dpi / 72
  places = {row: axes.transData.transform((axes.convert_xunits(x), y)) for row, (x, y) in points.items()}
  bottom, top = axes.bbox.y0, axes.bbox.y1
  lowest = bottom + height / 2  # or the numbers of the axis would be written over
  heights = _spread({row: min(max(place[1], lowest), top) for row, place in places.items()}, height, lowest)
  edge, limits = axes.bbox.x1, axes.get_ylim()
  for row, (x, y) in places.items():
    shown = min(max(y, bottom), top)
    offset = ((edge - x if beside else 0) + 8, heights[row] - shown)
    end = points[row][0], min(max(points[row][1], min(limits)), max(limits))
    axes.annotate(row, end, tuple(72 / figure.dpi * o for o in offset), textcoords='offset points',
                  color=looks[row].colour, fontsize=_LABEL_SIZE, verticalalignment='center', annotation_clip=False,
                  arrowprops={'arrowstyle': '-', 'relpos': (0, 0.5), 'color': looks[row].colour, 'linewidth': 0.4,
                              'alpha': 0.5})


def _spread(places: Mapping[str, float], height: float, bottom: float) -> dict[str, float]:
  """Returns the same places, so far apart that none is nearer to another than `height`; about as high as they were."""
  order = sorted(places, key=lambda row: places[row])
  result = {}
  for i, row in enumerate(order):
    result[row] = max(places[row], result[order[i - 1]] + height if i else bottom)
  shift = sum(result[row] - places[row] for row in order) / max(len(order), 1)
  shift = min(shift, result[order[0]] - bottom) if order else 0
  return {row: place - shift for row, place in result.items()}
