"""What sparse generators gain at the edge, against every dense file that a stock runtime can be given.

A dense generator is exported in each form of its upsampling convolutions and each precision, and one with random ERK masks
is lowered at each density. All files run in turn in one process, so that the machine's moods hit them alike; quoted are
medians of ratios within a round, against the plain form of version 0.1 (transposed convolutions, fp32) and against the
fastest dense file in floats. The time is the same for trained weights and random ones. What loading takes, until the first
image is there, is measured once for each file, in a process or a runtime of its own: milliseconds, and MiB of memory
(resident in Python; in a browser, what WebAssembly's memory grew by).

  (cd web && npm install) && apt-get install chromium      # once; --nochromium leaves the browser out
  python tools/benchmark_edge.py --model=sngan --out=docs/edge/sngan
  python tools/benchmark_edge.py --model=sngan --narrow=57,81,114 --densities=0.05,0.1,0.2 --out=docs/edge/sngan_narrow

On a machine without TensorFlow, or in the browser of a phone:

  python tools/benchmark_edge.py --model=sngan --files=edge_files --nochromium --rounds=2 --out=runs/edge  # makes the files
  python tools/edge/time_files.py edge_files > times-pi.json  # there: needs ai-edge-litert and numpy only
  python tools/benchmark_edge.py --files=edge_files --serve --host=192.168.1.20  # a page for the phone; it saves its times
  python tools/benchmark_edge.py --files=edge_files --times=times-pi.json,times-browser.json --out=docs/edge/sngan
"""

from collections.abc import Sequence
import functools
import itertools
import json
import pathlib
import subprocess
import sys
import tempfile
import time

from absl import app
from absl import flags
from edge import time_files
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import tensorflow as tf
import user_errors

from tf_stugan import configuration
from tf_stugan import errors
from tf_stugan import output_files
from tf_stugan import rng
from tf_stugan.export import dead_channels
from tf_stugan.export import exporter
from tf_stugan.export import fast_path
from tf_stugan.export import plain
from tf_stugan.export import residual
from tf_stugan.export import tflite
from tf_stugan.export import upsampling
from tf_stugan.export import web
from tf_stugan.sparsity import masks
from tf_stugan.sparsity import units
from tf_stugan.sparsity.static_sparse import StaticSparse
from tf_stugan.training import layer_choice

FLAGS = flags.FLAGS
flags.DEFINE_string('out', 'docs/edge', 'Folder for table.csv, table.md and speed.png.')
flags.DEFINE_string('files', '', 'Folder of the files that are timed; made if it holds none.')
flags.DEFINE_list('times', [], 'Times taken elsewhere of the same --files, in place of taking them here.')
flags.DEFINE_bool('serve', False, 'Serve the page that times --files in any browser, until Ctrl-C.')
flags.DEFINE_string('host', '127.0.0.1', 'For --serve: an address of this machine that the device reaches.')
flags.DEFINE_integer('rounds', 25, 'Measurements of each file.')
flags.DEFINE_string('model', 'sngan', 'Name in gin_configs/models.')
flags.DEFINE_list('densities', ['0.05', '0.1', '0.2', '0.3', '0.5'], 'Shares of weights kept in the convolutions.')
flags.DEFINE_list('blocks', ['1'], 'Output channels that a mask keeps or drops together; a lowered file each.')
flags.DEFINE_bool('mask_dense', False, 'Mask dense layers, too.')
flags.DEFINE_integer('width', None, 'GENERATOR_WIDTH; the published one if not given.')
flags.DEFINE_list('narrow', [], 'Widths of dense generators to time beside it; not the same network.')
flags.DEFINE_bool('chromium', True, 'Measure in headless Chromium, too.')

_COMMAND = 'tools/benchmark_edge.py'
_INDEX = 'files.json'
_OVER_DENSE = '/ fastest dense'
_BEFORE = 'transposed fp32'  # the plain form of version 0.1
BROWSER = ('browser, 1 thread', 'browser, threads', 'browser, WebGPU', 'browser, WebNN')  # of edge/index.html
_DENSE = [(form, 'fp32') for form in upsampling.FORMS] + [('phases', precision) for precision in ('fp16', 'int8', 'dynamic')]


def make_output(model: str, density: float, block: int = 1, width: int | None = None):
  """Returns what a model makes, its generator built, with random masks of single weights or of blocks of output channels."""
  width = width or FLAGS.width
  files = ('runs/train.gin', f'models/{model}.gin', 'datasets/cifar10.gin', 'metrics/classifier.gin', 'methods/dense.gin')
  bindings = ['NUM_STEPS = 1'] + ([f'GENERATOR_WIDTH = {width}'] if width else [])
  configuration.load([configuration.find(f) for f in files], bindings)
  output = configuration.make_experiment().make_trainer().gan.outputs['images']
  generator = output.network
  generator(rng.latents(np.arange(16), generator.latent_size), np.zeros(16, np.int32), training=True)
  if density < 1:
    masked = (layer_choice.conv_and_dense if FLAGS.mask_dense else layer_choice.conv_only)(generator)
    kept = functools.partial(units.output_blocks, size=block) if block > 1 else units.single_weights
    method = StaticSparse(density, functools.partial(units.distribution, units=kept),
                          functools.partial(units.sample_mask, units=kept))
    method.initialize(masked, tf.constant([1, 2]))
    masks.apply_masks(masked)
  return output


def make_files(folder: pathlib.Path) -> None:
  """Writes the .tflite files of a model, and what is known of each into files.json."""
  output, rows = make_output(FLAGS.model, 1.0), []
  for form, precision in _DENSE:
    rows.append(_write(folder, f'{form} {precision}', 1.0, _convert_dense(output, form, precision)))
  for width in map(int, FLAGS.narrow):
    narrow = _convert_dense(make_output(FLAGS.model, 1.0, width=width), 'phases', 'fp32')
    rows.append(_write(folder, f'narrow, {width} channels', 1.0, narrow))
  for density, block in itertools.product(map(float, FLAGS.densities), map(int, FLAGS.blocks)):
    lowered = exporter.export(make_output(FLAGS.model, density, block), 'sparse_lowered')
    name = f'lowered {density:g}' + (f' blocks of {block}' if block > 1 else '')
    rows.append(_write(folder, name, density, lowered.model))
  index = {'model': FLAGS.model, 'files': rows}
  (folder / _INDEX).write_text(json.dumps(index, indent=1) + '\n')


def _convert_dense(output, form, precision):
  arrays = dead_channels.remove(residual.read(output.network))
  return tflite.convert(functools.partial(plain.images, arrays, upsample_conv=upsampling.FORMS[form]), output, 1, precision)


def _write(folder, name, density, model):
  file = f'{name.replace(",", "").replace(" ", "-")}.tflite'
  (folder / file).write_bytes(model)
  return {'file': file, 'name': name, 'density': density, 'bytes': len(model),
          'multiply-adds': sum(op.multiply_adds for op in fast_path.inspect(model))}


def roots(folder: pathlib.Path) -> dict[str, pathlib.Path]:
  """Returns what `web.serving` is to show: the page that times, and the files."""
  return {'/': web.web_root(), '/models/': folder, '/benchmark/': pathlib.Path(__file__).parent / 'edge'}


def time_in_chromium(folder: pathlib.Path, runtimes: Sequence[str] = BROWSER) -> dict:
  """Returns 'runtimes' and 'loading' of headless Chromium as `time_files.measure` does; each in a browser of its own."""
  index = json.loads((folder / _INDEX).read_text())
  result = {'runtimes': {}, 'loading': {}}
  with web.serving(roots(folder)) as address:
    for runtime in runtimes:
      arguments = json.dumps({'files': [row['file'] for row in index['files']], 'rounds': FLAGS.rounds,
                              'runtimes': [runtime]})
      done = subprocess.run(
          ['node', str(web.web_root() / 'drive.js'), f'{address}benchmark/index.html', 'document.body.dataset.ready',
           f'window.benchmark({arguments})'], check=True, capture_output=True, text=True)
      measured = json.loads(done.stdout)['result']
      for part, times in result.items():
        times |= measured[part]
  return result


def make_table(index: dict, times: list[dict]) -> pd.DataFrame:
  """Returns a row for each machine, runtime and file: milliseconds, and how many times as fast with quartiles."""
  rows = []
  for measured in times:
    for runtime, by_file in measured['runtimes'].items():
      if 'error' in by_file:
        rows.append({'machine': measured['machine'], 'runtime': runtime, 'name': f'not timed: {by_file["error"]}'})
      else:
        loading = measured.get('loading', {}).get(runtime, {})
        rows += [{'machine': measured['machine'], 'runtime': runtime, **row,
                  **{f'load, {unit}': value for unit, value in loading.get(row['file'], {}).items()}}
                 for row in _ratios(index['files'], by_file)]
  return pd.DataFrame(rows)


def _ratios(files, by_file):
  """Lists the rows of one runtime, with ratios to the form of version 0.1 and to the fastest dense file in floats."""
  times = {row['name']: np.array(by_file[row['file']]) for row in files}
  dense = [row['name'] for row in files if row['name'].endswith(('fp32', 'fp16'))]
  fastest = min(dense, key=lambda name: np.median(times[name]))
  for row in files:
    own = times[row['name']]
    result = {**row, 'ms': np.median(own)}
    for column, other in (('/ transposed', _BEFORE), (_OVER_DENSE, fastest)):
      ratios = times[other] / own
      low, high = np.percentile(ratios, [25, 75])
      result |= {column: np.median(ratios), f'{column}, quartiles': f'{low:.2f} to {high:.2f}'}
    yield result


def write_tables(table: pd.DataFrame, out: pathlib.Path) -> None:
  """Writes table.csv with everything, and table.md for people, a part for each machine and runtime."""
  table.to_csv(out / 'table.csv', index=False)
  parts = [f'TensorFlow {tf.__version__}, {time.strftime("%F")}; made by {_COMMAND}\n\n'
           '"/ transposed" and "/ fastest dense": how many times as fast as the plain form of version 0.1 (transposed '
           'convolutions), and as the fastest dense file in floats.\n']
  for (machine, runtime), rows in table.groupby(['machine', 'runtime'], sort=False):
    shown = rows.drop(columns=['machine', 'runtime', 'file', 'density'], errors='ignore').dropna(axis=1, how='all')
    lines = [shown.columns, ['---'] * shown.shape[1], *shown.itertuples(index=False)]
    parts.append(f'\n{machine}; {runtime}\n\n{to_markdown(lines)}')
  (out / 'table.md').write_text(''.join(parts))


def to_markdown(lines) -> str:
  """Writes lines of cells as the rows of a table."""
  return ''.join(f'| {" | ".join(map(_cell, line))} |\n' for line in lines)


def _cell(value):
  if isinstance(value, float):
    return f'{value:,.0f}' if value > 1000 else f'{value:.2f}'
  return f'{value:,}' if isinstance(value, int) else str(value)


def write_figure(table: pd.DataFrame, path: pathlib.Path) -> None:
  """Draws how many times as fast as the fastest dense file the lowered ones are, over density."""
  figure, axes = plt.subplots(figsize=(6, 4))
  for (machine, runtime), rows in table.dropna(subset='ms').groupby(['machine', 'runtime'], sort=False):
    lowered = rows[rows['density'] < 1]
    axes.plot(lowered['density'], lowered[_OVER_DENSE], 'o-', label=f'{runtime}\n{machine[:40]}')
  axes.axhline(1, color='grey', linewidth=1)
  axes.set(xlabel='density of the generator', ylabel='times as fast as the fastest dense file', ylim=(0, None))
  axes.legend(fontsize='small')
  figure.tight_layout()
  figure.savefig(path, dpi=120)


def _measure(folder):
  if FLAGS.times:
    return [json.loads(pathlib.Path(path).read_text()) for path in FLAGS.times]
  times = time_files.measure(folder, FLAGS.rounds)
  if FLAGS.chromium:
    for part, measured in time_in_chromium(folder).items():
      times[part] |= measured
  return [times]


def _serve(folder):
  if not (folder / _INDEX).exists():
    raise errors.UserError(f'--files: {folder} holds no {_INDEX}; the same command without --serve makes it.')
  with web.make_server(roots(folder), 8000, FLAGS.host) as server:
    sys.stdout.write(f'{web.address(server)}benchmark/index.html\n')
    sys.stdout.flush()
    server.serve_forever()


def main(_):
  if FLAGS.serve:
    _serve(pathlib.Path(FLAGS.files))
    return
  out = pathlib.Path(FLAGS.out)
  output_files.check_files(out, ['table.csv', 'table.md', 'speed.png'], _COMMAND)
  with tempfile.TemporaryDirectory() as temporary:
    folder = pathlib.Path(FLAGS.files or temporary)
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / _INDEX).exists():
      make_files(folder)
    table = make_table(json.loads((folder / _INDEX).read_text()), _measure(folder))
  with output_files.new_files(out, _COMMAND) as written:
    write_tables(table, written)
    write_figure(table, written / 'speed.png')
  sys.stdout.write((out / 'table.md').read_text())


if __name__ == '__main__':
  app.run(user_errors.in_one_line(main))
