"""Draws the figures of docs/results.md anew, from the tables beside them: report.csv, curves.csv and, if there, rows.csv.

  python tools/draw_results.py

Written over are those figures that the page shows; sheets of images are none.
"""

import pathlib
import re
import shutil
import sys
import tempfile

from absl import app
from absl import flags

from tf_stugan.reports import drawing

FLAGS = flags.FLAGS
flags.DEFINE_string('docs', 'docs', 'Folder of results.md and results/.')

# Folders whose figures show a part of the runs of another one.
_PARTS = {'balance': ('methods', ['static_strong_s1', 'static_weak_s1', 'adapt_relaxed_s1'])}


def draw(docs: pathlib.Path, target: pathlib.Path) -> list[pathlib.Path]:
  """Draws every figure over steps that results.md shows into a folder; returns their places below it."""
  shown = re.findall(r'\]\(results/(\w+)/([\w.]+)\.png\)', (docs / 'results.md').read_text(encoding='utf-8'))
  written = []
  for folder in dict.fromkeys(folder for folder, _ in shown):
    source, runs = _PARTS.get(folder, (folder, ()))
    if not (docs / 'results' / source / 'curves.csv').exists():
      continue
    with tempfile.TemporaryDirectory() as scratch:
      drawn = drawing.draw_curves(drawing.of_files(docs / 'results' / source, runs), pathlib.Path(scratch))
      for name in drawn:
        if (folder, name) in shown:
          place = pathlib.Path(folder, f'{name}.png')
          (target / folder).mkdir(parents=True, exist_ok=True)
          shutil.copyfile(pathlib.Path(scratch, place.name), target / place)
          written.append(place)
  return written


def main(_):
  docs = pathlib.Path(FLAGS.docs)
  for place in draw(docs, docs / 'results'):
    sys.stdout.write(f'{docs / "results" / place}\n')


if __name__ == '__main__':
  app.run(main)
