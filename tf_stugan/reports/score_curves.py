"""Figures of the curves that scores are read off."""

from collections.abc import Mapping, Sequence
import pathlib

from tf_stugan.reports import figures
from tf_stugan.reports import records
from tf_stugan.reports import style
from tf_stugan.training.workdir import Workdir


def collect(runs: Mapping[str, Workdir]) -> dict[str, dict[str, Mapping[str, Sequence[float]]]]:
  """Returns the newest curve of every kind and run, of training or of `tf-stugan evaluate`: {curve: {run: its points}}.

  Those of another protocol than the scores of the run take no part.
  """
  found: dict[str, dict] = {}
  for run, workdir in runs.items():
    told = [records.protocol_of(row) for row in workdir.rows() if row['kind'] == 'evaluation'][-1:]
    for row in (row for row in workdir.scores() if records.protocol_of(row) in told):
      for name, points in row.get('curves', {}).items():
        found.setdefault(name, {})[run] = points
  return found


def plot(curves: Mapping[str, Mapping[str, Sequence[float]]], title: str, path: pathlib.Path) -> None:
  """Draws curves of shares, from 0 to 1.

  Args:
    curves: coordinates by name, as `score.Curve.points`, by what is said of the curve; nothing for an empty text.
    title: above the figure.
    path: where it goes; the ending tells the format.
  """
  figure = figures.import_matplotlib().Figure(figsize=(5, 5), dpi=120, layout='constrained')
  (horizontal, vertical) = next(iter(curves.values()))
  axes = figure.add_subplot(title=title.replace('_', ' '), xlabel=horizontal, ylabel=vertical, xlim=(0, 1), ylim=(0, 1))
  axes.grid(alpha=0.3)
  looks = style.looks({label: label for label in curves})
  for label, points in curves.items():
    axes.plot(points[horizontal], points[vertical], label=label or None, color=looks[label].colour, clip_on=False)
  if any(curves):
    axes.legend(fontsize='small')
  figure.savefig(path)
