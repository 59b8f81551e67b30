"""Figures of ladders: one curve a method, a dashed line for the dense runs, bands over seeds."""

from collections.abc import Sequence
import math
import pathlib

from tf_stugan.reports import figures
from tf_stugan.reports.ladders import Curve


def plot_remaining(found: Sequence[Curve], score: str, path: pathlib.Path) -> None:
  """Draws the score against the weights that remain, from all of them on the left (Figures 4 to 7 of the paper)."""
  ticks = sorted({round(100 * p.remaining, 1) for curve in found for p in (curve.dense, *curve.points)}, reverse=True)
  axes = _draw(found, score, 'remaining weights, %', lambda point: 100 * point.remaining)
  axes.set_xlim(ticks[0] + 1, ticks[-1] - 1)
  axes.set_xticks(ticks, [f'{tick:g}' for tick in ticks], rotation=60)
  axes.figure.savefig(path)


def plot_costs(found: Sequence[Curve], score: str, path: pathlib.Path) -> None:
  """Draws the score against what it costs to get there; no file where costs were not logged."""
  if not any(math.isnan(point.cost) for curve in found for point in curve.points):
    _draw(found, score, 'all training so far, in dense trainings', lambda point: point.cost).figure.savefig(path)


def _draw(found, score, label, position):
  _, axes = figures.axes(f'{score} of the rounds', label, score)
  for curve in found:
    x, y = [position(p) for p in curve.points], [p.mean for p in curve.points]
    line, = axes.plot(x, y, 'o-', markersize=4, label=curve.method)
    if any(p.seeds > 1 for p in curve.points):
      width = [0.0 if p.seeds == 1 else p.half_width for p in curve.points]
      axes.fill_between(x, [a - w for a, w in zip(y, width, strict=True)], [a + w for a, w in zip(y, width, strict=True)],
                        alpha=0.2, color=line.get_color())
    for point, mark in ((curve.best, 'v'), (curve.extreme, 's')):
      if point:
        axes.plot([position(point)], [point.mean], mark, markersize=9, fillstyle='none', color=line.get_color())
  dense = [curve.dense.mean for curve in found]
  axes.axhline(math.fsum(dense) / len(dense), linestyle='--', color='grey', label='dense')
  axes.legend(title='▽ best   □ extreme', fontsize='small')
  return axes
