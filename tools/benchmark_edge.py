"""What sparse generators gain at the edge: plain and lowered files, timed in Chromium (WebAssembly) and in Python's LiteRT.

For each model and density, a generator with random ERK masks is exported twice, plain and dense-encoded against lowered, and
all files of a model run in turn in one process, on one thread, so that the machine's moods hit them alike; quoted are
medians of ratios within a round. Images are the same for trained weights and random ones, and so is the time.

  (cd web && npm install) && apt-get install chromium      # once; --nochromium leaves the browser out
  python tools/benchmark_edge.py --out=docs/edge --rounds=25
"""

import csv
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time

from absl import app
from absl import flags
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

from tf_stugan import configuration
from tf_stugan import output_files
from tf_stugan import rng
from tf_stugan.export import exporter
from tf_stugan.export import web
from tf_stugan.litert import Interpreter
from tf_stugan.sparsity import masks
from tf_stugan.sparsity.static_sparse import StaticSparse
from tf_stugan.training import layer_choice

FLAGS = flags.FLAGS
flags.DEFINE_string('out', 'docs/edge', 'Folder for table.csv, table.md and speed.png.')
flags.DEFINE_integer('rounds', 25, 'Measurements of each file.')
flags.DEFINE_list('models', ['sngan', 'biggan_32'], 'Names of gin_configs/models.')
flags.DEFINE_list('densities', ['0.05', '0.1', '0.2', '0.3', '0.5'], 'Shares of weights kept in the convolutions.')
flags.DEFINE_integer('width', None, 'GENERATOR_WIDTH; the published one if not given.')
flags.DEFINE_bool('chromium', True, 'Measure in headless Chromium.')

_COMMAND = 'tools/benchmark_edge.py'


def make_output(model: str, density: float):
  """What a model file makes, with a built generator and random masks."""
  files = ('runs/train.gin', f'models/{model}.gin', 'datasets/cifar10.gin', 'metrics/classifier.gin', 'methods/dense.gin')
  bindings = ['NUM_STEPS = 1'] + ([f'GENERATOR_WIDTH = {FLAGS.width}'] if FLAGS.width else [])
  configuration.load([configuration.find(f) for f in files], bindings)
  output = configuration.make_experiment().make_trainer().gan.outputs['images']
  generator = output.network
  generator(rng.latents(np.arange(16), generator.latent_size), np.zeros(16, np.int32), training=True)
  if density < 1:
    masked = layer_choice.conv_only(generator)
    StaticSparse(density).initialize(masked, tf.constant([1, 2]))
    masks.apply_masks(masked)
  return output


def export_files(model: str, folder: pathlib.Path) -> list[dict]:
  """Writes model-plain.tflite and one lowered file a density; one row for each."""
  plain = exporter.export(make_output(model, 1.0), encoded=False)  # as fast as any other plain one
  rows = [_row(model, 1.0, 'plain', plain, folder)]
  for density in map(float, FLAGS.densities):
    lowered = exporter.export(make_output(model, density), 'sparse_lowered')
    rows.append(_row(model, density, 'sparse_lowered', lowered, folder))
    rows[-1]['auto takes'] = exporter.faster(plain, lowered).layout
  return rows


def _row(model, density, layout, exported, folder):
  name = f'{model}-{layout}-{density}.tflite'
  (folder / name).write_bytes(exported.model)
  return {'model': model, 'density': density, 'layout': layout, 'file': name, 'bytes': len(exported.model),
          'multiply-adds': sum(op.multiply_adds for op in exported.operations)}


def time_in_chromium(files: list[str], folder: pathlib.Path) -> np.ndarray:
  """Milliseconds, [files, rounds]."""
  tool = pathlib.Path(__file__).parent / 'chromium'
  roots = {'/': web.web_root(), '/models/': folder, '/benchmark/': tool}
  arguments = json.dumps({'files': files, 'rounds': FLAGS.rounds, 'latentSize': 128})
  with web.serving(roots) as address:
    done = subprocess.run(
        ['node', str(web.web_root() / 'drive.js'), f'{address}benchmark/benchmark.html', 'document.body.dataset.ready',
         f'window.benchmark({arguments})'], check=True, capture_output=True, text=True)
  result = json.loads(done.stdout)['result']
  return np.array([result[file] for file in files])


def time_in_python(files: list[str], folder: pathlib.Path) -> np.ndarray:
  """Milliseconds, [files, rounds]."""
  interpreters = [Interpreter(str(folder / file), num_threads=1) for file in files]
  for interpreter in interpreters:
    interpreter.allocate_tensors()
    for source in interpreter.get_input_details():
      interpreter.set_tensor(source['index'], np.ones(source['shape'], source['dtype']))
  times = np.zeros([len(files), FLAGS.rounds + 2])
  for i in range(times.shape[1]):
    for j, interpreter in enumerate(interpreters):
      start = time.perf_counter()
      interpreter.invoke()
      times[j, i] = 1000 * (time.perf_counter() - start)
  return times[:, 2:]


def add_times(rows: list[dict], runtime: str, times: np.ndarray) -> None:
  """Median and quartiles of milliseconds, and of how many times as fast as the first file."""
  for row, own in zip(rows, times, strict=True):
    ratios = times[0] / own
    row[f'{runtime} ms'] = np.median(own)
    row[f'{runtime} ratio'] = np.median(ratios)
    row[f'{runtime} ratio quartiles'] = ' to '.join(f'{q:.2f}' for q in np.percentile(ratios, [25, 75]))


def write_tables(rows: list[dict], out: pathlib.Path) -> None:
  """table.csv with everything, table.md for people."""
  names = list(dict.fromkeys(name for row in rows for name in row))
  with (out / 'table.csv').open('w', newline='') as file:
    writer = csv.DictWriter(file, names)
    writer.writeheader()
    writer.writerows(rows)
  shown = [name for name in names if name != 'file']
  def cell(value):
    return f'{value:,}' if isinstance(value, int) else f'{value:.2f}' if isinstance(value, float) else str(value)
  lines = [shown, ['---'] * len(shown), *([cell(row.get(name, '')) for name in shown] for row in rows)]
  machine = (f'{platform.machine()}, {os.cpu_count()} cores, TensorFlow {tf.__version__}, {FLAGS.rounds} rounds, '
             f'{time.strftime("%F")}')
  (out / 'table.md').write_text(f'{machine}\n\n' + ''.join(f'| {" | ".join(line)} |\n' for line in lines))


def write_figure(rows: list[dict], path: pathlib.Path) -> None:
  """How many times as fast as the plain file, over density."""
  figure, axes = plt.subplots(figsize=(6, 4))
  for model in FLAGS.models:
    for runtime, style in (('chromium', 'o-'), ('python', 's:')):
      points = [(r['density'], r[f'{runtime} ratio']) for r in rows
                if r['model'] == model and r['density'] < 1 and f'{runtime} ratio' in r]
      if points:
        axes.plot(*zip(*points, strict=True), style, label=f'{model}, {runtime}')
  axes.axhline(1, color='grey', linewidth=1)
  axes.set(xlabel='density of the generator', ylabel='times as fast as the plain file', ylim=(0, None))
  axes.legend()
  figure.tight_layout()
  figure.savefig(path, dpi=120)


def main(_):
  out = pathlib.Path(FLAGS.out)
  output_files.check_files(out, ['table.csv', 'table.md', 'speed.png'], _COMMAND)
  table = []
  with tempfile.TemporaryDirectory() as folder:
    for model in FLAGS.models:
      rows = export_files(model, pathlib.Path(folder))
      files = [row['file'] for row in rows]
      if FLAGS.chromium:
        add_times(rows, 'chromium', time_in_chromium(files, pathlib.Path(folder)))
      add_times(rows, 'python', time_in_python(files, pathlib.Path(folder)))
      table += rows
      with output_files.new_files(out, _COMMAND) as written:
        write_tables(table, written)
        write_figure(table, written / 'speed.png')
  sys.stdout.write((out / 'table.md').read_text())


if __name__ == '__main__':
  app.run(main)
