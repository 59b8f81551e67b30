"""Figures of ladders: one curve a method, a dashed line for the dense runs, bands over seeds."""

import math
import pathlib

import pandas as pd

from tf_stugan.reports import figures
from tf_stugan.reports import intervals
from tf_stugan.reports import ladders
from tf_stugan.reports import style


def draw(rounds: pd.DataFrame, folder: pathlib.Path) -> list[str]:
  """Draws the score against the weights that remain, from all of them on the left (Figures 4 to 7 of the paper), and against
  what it costs to get there, where that was logged for all.

  Args:
    rounds: as `ladders.rounds` returns them.
    folder: where to.

  Returns:
    Names of the figures, without their endings.
  """
  found, score = ladders.curves(rounds), ladders.score(rounds)
  remaining, costs = folder / 'ladders', folder / 'ladders_cost'
  ticks = sorted({round(100 * p.remaining, 1) for curve in found for p in (curve.dense, *curve.points)}, reverse=True)
  axes = _draw(found, score, 'remaining weights, %', lambda point: 100 * point.remaining)
  axes.set_xlim(ticks[0] + 1, ticks[-1] - 1)
  axes.set_xticks(ticks, [f'{tick:g}' for tick in ticks], rotation=90, fontsize='small')
  figures.save(axes.figure, remaining)
  if any(math.isnan(point.cost) for curve in found for point in curve.points):
    return [remaining.name]
  figures.save(_draw(found, score, 'all training so far, in dense trainings', lambda point: point.cost).figure, costs)
  return [remaining.name, costs.name]


def _draw(found, score, label, position):
  several = any(point.seeds >= intervals.FEWEST_SEEDS for curve in found for point in curve.points)
  figure, axes = figures.axes(
      f'{score} of the rounds{"; band: 95 % interval of the mean over seeds" if several else ""}', label, score)
  figure.set_figheight(4.2)  # inches; with the legend below
  looks = style.looks({curve.method: curve.procedure for curve in found})
  for curve in found:
    look, x, y = looks[curve.method], [position(p) for p in curve.points], [p.mean for p in curve.points]
    axes.plot(x, y, marker=look.marker, linestyle=look.line, markersize=4, color=look.colour, label=curve.method)
    for point, mark in ((curve.best, 'v'), (curve.extreme, 's')):
      if point:
        axes.plot([position(point)], [point.mean], mark, markersize=10, fillstyle='none', color=look.colour)
  dense = [curve.dense.mean for curve in found]
  axes.axhline(math.fsum(dense) / len(dense), linestyle='--', color='grey', label='dense')
  axes.set_ylim(axes.get_ylim())  # of means: a band of few seeds may be any wide
  for curve in found:
    width = [p.half_width if p.seeds >= intervals.FEWEST_SEEDS else 0.0 for p in curve.points]
    if any(width):
      axes.fill_between(
          [position(p) for p in curve.points], [p.mean - w for p, w in zip(curve.points, width, strict=True)],
          [p.mean + w for p, w in zip(curve.points, width, strict=True)], alpha=0.15, color=looks[curve.method].colour,
          linewidth=0)
  figure.legend(title='▽ best   □ extreme', fontsize='small', title_fontsize='small', ncols=3, loc='outside lower center')
  return axes
