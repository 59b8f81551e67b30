"""Figures of comparisons: how far each one is from no difference, and how that came about while rows were trained."""

from collections.abc import Iterator
import pathlib
import textwrap

import pandas as pd

from tf_stugan.reports import figures
from tf_stugan.reports import intervals
from tf_stugan.reports import records
from tf_stugan.reports import verdicts

_COLOURS = {'yes': '#408080', 'no': '#c06020', 'undecided': '#606060'}  # by the first word of a verdict
_LINE = 0.23  # inches
_LABEL_WIDTH = 36  # characters
_COLUMNS = 3  # of panels


def draw(judged: pd.DataFrame, runs: pd.DataFrame, curves: pd.DataFrame, folder: pathlib.Path) -> list[str]:
  """Draws the differences at the end, and over the steps; by the first score.

  Args:
    judged: comparisons.csv of a report, see `verdicts.judge`.
    runs: report.csv, of which run, row, seed and, where it is there, state are read.
    curves: curves.csv.
    folder: where to.

  Returns:
    Names of the figures, without their endings; none where nothing can be compared yet.
  """
  judged = judged[(judged['score'] == judged['score'].iloc[0]) & (judged['n'] > 0)]
  if judged.empty:
    return []
  score, better = judged['score'].iloc[0], judged['better'].iloc[0]
  figures.save(_draw_ends(judged, score, better), folder / 'comparisons')
  panels = dict(differences(judged, runs, curves, score))
  if not panels:
    return ['comparisons']
  figures.save(_draw_courses(panels, f'difference of {score}, {better} is better'), folder / 'comparisons_by_step')
  return ['comparisons', 'comparisons_by_step']


def _draw_ends(judged, score, better):
  """Draws the mean difference and its interval, a line each, with the verdict beside it."""
  figure, axes = figures.axes(f'Difference of {score}, {better} is better; 95 % interval of the mean', '', '')
  lines = [(textwrap.fill(label, _LABEL_WIDTH), line) for label, line in _lines(judged)]
  heights = [label.count('\n') + 1 for label, _ in lines]
  places = [sum(heights[:i]) + height / 2 for i, height in enumerate(heights)]
  figure.set_figheight(_LINE * sum(heights) + 0.9)
  axes.set_yticks(places, [label for label, _ in lines], fontsize='small')
  for place, (_, line), label in zip(places, lines, axes.get_yticklabels(), strict=True):
    if line is None:
      label.set_weight('bold')
    else:
      _draw_interval(axes, place, line)
  axes.grid(visible=False, axis='y')
  axes.axvline(0, color='black', linewidth=0.8)
  axes.set_ylim(sum(heights), 0)
  return figure


def _lines(judged):
  """Yields (label, line of the table); several pairs of one comparison stand below its name, which has no line itself."""
  for name, pairs in judged.groupby('comparison', sort=False):
    lines = pairs.to_dict('records')
    if (pairs['row'] != verdicts.TOGETHER).sum() == 1:
      yield name, lines[-1]  # what can be said of all pairs, where others are still to come
      continue
    yield name, None
    for line in lines:
      yield 'together' if line['row'] == verdicts.TOGETHER else f'{line["row"]} - {line["against"]}', line


def _draw_interval(axes, place, line):
  colour = _COLOURS[line['verdict'].split()[0]]
  axes.plot(line['difference'], place, 'o', color=colour, markersize=5)
  if line['n'] >= intervals.FEWEST_SEEDS:
    axes.plot([line['difference low'], line['difference high']], [place, place], color=colour)
  axes.text(1.01, place, f'{line["verdict"]}, n = {line["n"]:g}', transform=axes.get_yaxis_transform(), fontsize='small',
            va='center', color=colour)


def differences(judged: pd.DataFrame, runs: pd.DataFrame, curves: pd.DataFrame,
                score: str) -> Iterator[tuple[str, pd.DataFrame]]:
  """Yields (name of a comparison, its differences by step and seed), of several pairs the mean of each seed.

  Runs that were scored at other steps than those they are compared with take no part.

  Args:
    judged: as in `draw`.
    runs: as in `draw`.
    curves: as in `draw`.
    score: its column in `judged`.
  """
  found = curves[curves['quantity'].map(records.title) == score]
  values = found.drop_duplicates(['run', 'step'], keep='last').pivot(index='step', columns='run', values='value')
  ended = runs[runs['state'].isna() | runs['state'].isin(verdicts.COUNTED)] if 'state' in runs else runs
  named = {(row, seed): run for run, row, seed in ended[['run', 'row', 'seed']].itertuples(index=False) if run in values}
  for name, pairs in judged[judged['row'] != verdicts.TOGETHER].groupby('comparison', sort=False):
    by_seed = {}
    for row, against in pairs[['row', 'against']].itertuples(index=False):
      for seed in (seed for known, seed in named if known == row and (against, seed) in named):
        first, second = (values[named[one, seed]].dropna() for one in (row, against))
        if list(first.index) == list(second.index):
          by_seed.setdefault(seed, []).append(first - second)
    frame = pd.DataFrame({seed: pd.concat(each, axis=1).mean(axis=1) for seed, each in by_seed.items()})
    frame = frame.dropna(axis='columns')  # seeds of shorter runs
    if len(frame) > 1 and len(frame.columns):
      yield name, frame


def _draw_courses(panels, label):
  """Draws a panel a comparison: the mean over seeds, and the band of its interval."""
  across = min(_COLUMNS, len(panels))
  down = -(-len(panels) // across)
  figure = figures.import_matplotlib().Figure(figsize=(4.2 * across, 2.8 * down), dpi=160, layout='constrained')
  for axes, (name, frame) in zip(figure.subplots(down, across, squeeze=False).flat, panels.items(), strict=False):
    axes.plot(frame.index, frame.mean(axis=1), color='#0000e0')
    if frame.shape[1] >= intervals.FEWEST_SEEDS:
      low, high = zip(*map(intervals.interval, frame.to_numpy()), strict=True)
      axes.fill_between(frame.index, low, high, color='#0000e0', alpha=0.15, linewidth=0)
    axes.axhline(0, color='black', linewidth=0.8)
    axes.set_title(f'{name} ({frame.shape[1]} seeds)', fontsize='small')
    axes.grid(alpha=0.3)
  for axes in figure.axes[len(panels):]:
    axes.remove()
  figure.supxlabel('step', fontsize='medium')
  figure.supylabel(label, fontsize='medium')
  return figure
