"""Draws the figures of results that pages of docs/ show anew, from the tables beside them: report.csv, curves.csv, rows.csv,
ladders.csv, comparisons.csv.

  python tools/draw_results.py

Written over are those figures that the pages show; sheets of images are none.
"""

import pathlib
import re
import shutil
import sys
import tempfile

from absl import app
from absl import flags
import pandas as pd
import user_errors

from tf_stugan.reports import drawing
from tf_stugan.reports import ladder_figures
from tf_stugan.reports import verdict_figures

FLAGS = flags.FLAGS
flags.DEFINE_string('docs', 'docs', 'Folder of the pages and results/.')

# Folders whose figures show a part of the runs of another one.
_PARTS = {'balance': ('methods', ['static_strong_s1', 'static_weak_s1', 'adapt_relaxed_s1'])}


def draw(docs: pathlib.Path, target: pathlib.Path) -> list[pathlib.Path]:
  """Draws every figure of results that a page shows into a folder; returns their places below it."""
  text = ''.join(page.read_text(encoding='utf-8') for page in sorted(docs.glob('*.md')))
  shown = re.findall(r'\]\(results/(\w+)/([\w.+-]+)\.png\)', text)
  written = []
  for folder in dict.fromkeys(folder for folder, _ in shown):
    with tempfile.TemporaryDirectory() as scratch:
      for name in _draw(docs, folder, {name for part, name in shown if part == folder}, pathlib.Path(scratch)):
        if (folder, name) in shown:
          place = pathlib.Path(folder, f'{name}.png')
          (target / folder).mkdir(parents=True, exist_ok=True)
          shutil.copyfile(pathlib.Path(scratch, place.name), target / place)
          written.append(place)
  return written


def _draw(docs, folder, shown, scratch):
  """Draws what the tables of a folder have, and the scores against those columns that the page shows; returns names."""
  source, runs = _PARTS.get(folder, (folder, ()))
  tables, drawn = docs / 'results' / source, []
  if (tables / 'ladders.csv').exists():
    drawn += ladder_figures.draw(pd.read_csv(tables / 'ladders.csv'), scratch)
  if (tables / 'comparisons.csv').exists():
    read = [pd.read_csv(tables / f'{name}.csv') for name in ('comparisons', 'report', 'curves')]
    drawn += verdict_figures.draw(*read, scratch)
  if (tables / 'curves.csv').exists():
    made = drawing.read_files(tables, runs)
    asked = [(made.score, column) for column in made.table
             if {drawing.file_name(made.score, column, made.score) + end for end in ('', '_at_the_end')} & shown]
    drawn += drawing.draw(made, scratch, asked)
  return drawn


def main(_):
  docs = pathlib.Path(FLAGS.docs)
  for place in draw(docs, docs / 'results'):
    sys.stdout.write(f'{docs / "results" / place}\n')


if __name__ == '__main__':
  app.run(user_errors.in_one_line(main))
