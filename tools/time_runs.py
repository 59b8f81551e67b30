"""Times the generators of trained runs on this machine, in Python's LiteRT and in headless Chromium, for a report's figures.

Of each run the averaged generator is exported as it is and, where it has masks, lowered as well. All files take turns, one
image a call, on one thread. A line of the table is a file: bytes, and medians in milliseconds. Of a game that makes several
things it is the one that the first score is about. Stages of a procedure are named by their own folders.

  (cd web && npm install) && apt-get install chromium      # once; --nochromium leaves the browser out
  python tools/time_runs.py --workdirs='runs/dense,runs/static,runs/ticket/extracted' --out=times.csv
  tf-stugan report --workdirs='runs/dense,runs/static,runs/ticket/extracted' --measurements=times.csv

Runs of a study are --workdirs='STUDY/runs/*' here, and --workdirs=STUDY for its report.
"""

from collections.abc import Iterator
import glob
import json
import os
import pathlib
import sys
import tempfile

from absl import app
from absl import flags
import benchmark_edge
from edge import time_files
import numpy as np
import pandas as pd
import user_errors

from tf_stugan import errors
from tf_stugan import output_files
from tf_stugan.commands import common
from tf_stugan.export import exporter
from tf_stugan.export import residual
from tf_stugan.reports import run_folders
from tf_stugan.reports import records
from tf_stugan.training.workdir import Workdir
from tf_stugan.usage import export as usage

FLAGS = flags.FLAGS
flags.DEFINE_list('workdirs', [], 'Folders of runs, or patterns, as for `tf-stugan report`.')
for _name in ('rounds', 'out', 'chromium'):
  flags.declare_key_flag(_name)  # of benchmark_edge

_COMMAND = 'tools/time_runs.py'
_HEADER = 'run,form,bytes,'
_BROWSER = benchmark_edge.BROWSER[0]


def files_of(run: str) -> Iterator[tuple[str, bytes]]:
  """Yields (form, .tflite) of what a run has trained: '' as it is, and 'lowered' where it has masks."""
  values = flags.FlagValues()
  usage.define_flags(values)
  values(['time_runs', f'--workdir={run}'])
  workdir, trainer = common.restore_trainer(values)
  name = records.main_score(workdir).rpartition('/')[0] or next(iter(trainer.gan.outputs))
  made = trainer.gan.outputs[name]
  yield '', exporter.export(made, 'plain').model
  masked = any(side.masked for side in trainer.sides.values() if side.player.network is made.live)
  if masked and residual.is_residual(made.network):
    yield 'lowered', exporter.export(made, 'sparse_lowered').model


def time_all(folder: pathlib.Path, files: list[str]) -> dict[str, list[float]]:
  """Returns medians in milliseconds, {'milliseconds, Python': ..., 'milliseconds, browser': ...}, by file."""
  times = {'Python': time_files.time_files([folder / file for file in files], FLAGS.rounds, 1).tolist()}
  if FLAGS.chromium:
    (folder / 'files.json').write_text(json.dumps({'files': [{'file': file} for file in files]}))
    measured = benchmark_edge.time_in_chromium(folder, [_BROWSER])['runtimes'][_BROWSER]
    if 'error' in measured:
      raise errors.UserError(f'Chromium: {measured["error"]}')
    times['browser'] = [measured[file] for file in files]
  return {f'milliseconds, {runtime}': np.median(found, axis=1) for runtime, found in times.items()}


def main(_):
  out = pathlib.Path(FLAGS.out)
  output_files.check_file(out, _HEADER.encode())
  paths = [path for pattern in FLAGS.workdirs for path in sorted(glob.glob(os.path.expanduser(pattern)))]
  runs = [run for path in paths for run in run_folders.list_runs(path) if Workdir(run).metrics.exists()]
  if not runs:
    raise errors.UserError(f'--workdirs={",".join(FLAGS.workdirs)}: no folder there holds a run.')
  rows = []
  with tempfile.TemporaryDirectory() as temporary:
    folder = pathlib.Path(temporary)
    for run in runs:
      for form, model in files_of(run):
        (folder / f'{len(rows)}.tflite').write_bytes(model)
        rows.append({'run': run, 'form': form, 'bytes': len(model)})
    table = pd.DataFrame(rows).assign(**time_all(folder, [f'{i}.tflite' for i in range(len(rows))]))
  with output_files.new_file(out, _HEADER.encode()) as path:
    table.to_csv(path, index=False, float_format='%.4g')
  sys.stdout.write(f'{time_files.machine()}\n{table.to_string(index=False)}\n')


if __name__ == '__main__':
  FLAGS.set_default('out', 'times.csv')
  app.run(user_errors.in_one_line(main))
