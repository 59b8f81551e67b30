"""Where the time of a lowered generator goes in WebAssembly, by kind of operation.

Chromium's sampling profiler tells how long each function of LiteRT ran. Which function is which kernel is found out by small
graphs of one kind of operation each, in the same browser.

  (cd web && npm install) && apt-get install chromium
  python tools/profile_edge.py --out=docs/edge/profile.md
"""

from collections import Counter
import functools
import json
import math
import pathlib
import subprocess
import sys
import tempfile

from absl import app
from absl import flags
import benchmark_edge
from edge import time_files
import numpy as np
import tensorflow as tf
import user_errors

from tf_stugan import output_files
from tf_stugan.export import cluster
from tf_stugan.export import exporter
from tf_stugan.export import fast_path
from tf_stugan.export import web

FLAGS = flags.FLAGS
for _name in ('model', 'densities', 'rounds', 'out'):
  flags.declare_key_flag(_name)  # of benchmark_edge

_SIGN = 'tools/profile_edge.py'
_OTHER = 'other operations, and calling all of them'
_REPEATS = 200


def kind(operation: fast_path.Operation) -> str:
  """Names the row of an operation."""
  if operation.kind == 'CONV_2D' and operation.filter_size:
    return 'sparse product'
  return {'DEPTHWISE_CONV_2D': 'shift', 'ADD': 'addition'}.get(operation.kind, _OTHER)


def write_references(folder: pathlib.Path) -> dict[str, str]:
  """Writes a graph of each kind of operation; returns {file: kind}."""
  random = np.random.default_rng(0)
  def sparse(inputs, outputs):
    return (random.standard_normal([inputs, outputs]) * (random.random([inputs, outputs]) < 0.1)).astype(np.float32)
  steps = {'sparse product': lambda x: cluster.product(x, sparse(128, 128)), 'shift': lambda x: cluster.shift(x, (0, 1)),
           'addition': lambda x: x + x}
  first, last = sparse(12, 128), sparse(128, 12)

  def repeated(latents, step):
    x = cluster.product(cluster.enter(tf.reshape(tf.tile(latents, [1, 24]), [1, 32, 32, 3])), first)
    for _ in range(_REPEATS):
      x = step(x)
    return tf.nn.depth_to_space(cluster.product(x, last), 2)
  for name, step in steps.items():
    graph = tf.function(functools.partial(repeated, step=step), input_signature=[tf.TensorSpec([1, 128])], autograph=False)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([graph.get_concrete_function()])
    converter.optimizations = [tf.lite.Optimize.EXPERIMENTAL_SPARSITY]
    (folder / f'{name}.tflite').write_bytes(converter.convert())
  return {f'{name}.tflite': name for name in steps}


def profile(folder: pathlib.Path, files: list[str]) -> dict:
  """Returns {file: {'total': milliseconds, 'functions': {name: milliseconds}}} of --rounds images each."""
  with web.serving(benchmark_edge.roots(folder)) as address:
    command = ['node', str(pathlib.Path(__file__).parent / 'edge' / 'profile.js'), f'{address}benchmark/index.html']
    done = subprocess.run([*command, str(FLAGS.rounds), *files], check=True, capture_output=True, text=True)
  return json.loads(done.stdout)


def kernels(references: dict[str, str], profiles: dict) -> dict[str, str]:
  """Returns {function: kind}: the one that ran longest in a graph of that kind."""
  result = {}
  for file, name in references.items():
    ours = {f: ms for f, ms in profiles[file]['functions'].items() if f.startswith('wasm-function')}
    result[max(ours, key=ours.get)] = name
  if len(result) < len(references):
    raise ValueError(f'Two kinds of operations have the same function: {result}.')
  return result


def make_rows(operations: list[fast_path.Operation], measured: dict, kernels_: dict[str, str], rounds: int) -> list[list]:
  """Lists kind, operations, multiply-adds and values of one image in millions, milliseconds and share."""
  count, multiply_adds, values, times = Counter(), Counter(), Counter(), Counter()
  for op in operations:
    count[kind(op)] += 1
    multiply_adds[kind(op)] += op.multiply_adds / 1e6
    values[kind(op)] += math.prod(op.shape) / 1e6
  for function, milliseconds in measured['functions'].items():
    if function.startswith('wasm-function'):
      times[kernels_.get(function, _OTHER)] += milliseconds / rounds
  total = sum(times.values())
  return [[name, count[name], f'{multiply_adds[name]:.1f}', f'{values[name]:.2f}', f'{ms:.2f}', f'{ms / total:.0%}']
          for name, ms in times.most_common()]


def main(_):
  out = pathlib.Path(FLAGS.out)
  output_files.check_file(out, _SIGN.encode())
  text = [f'{FLAGS.model}, one image in Chromium on one thread; {time_files.machine()}; made by {_SIGN}\n']
  with tempfile.TemporaryDirectory() as temporary:
    folder = pathlib.Path(temporary)
    references = write_references(folder)
    kernels_ = kernels(references, profile(folder, list(references)))
    for density in map(float, FLAGS.densities):
      lowered = exporter.export(benchmark_edge.make_output(FLAGS.model, density), 'sparse_lowered')
      (folder / 'lowered.tflite').write_bytes(lowered.model)
      measured = profile(folder, ['lowered.tflite'])['lowered.tflite']
      rows = make_rows(lowered.operations, measured, kernels_, FLAGS.rounds)
      header = ['kind of operation', 'operations', 'multiply-adds, M', 'values made, M', 'ms', 'share']
      text.append(f'\nDensity {density:g}\n\n' + benchmark_edge.to_markdown([header, ['---'] * len(header), *rows]))
  with output_files.new_file(out, _SIGN.encode()) as path:
    path.write_text(''.join(text))
  sys.stdout.write(''.join(text))


if __name__ == '__main__':
  FLAGS.set_default('out', 'docs/edge/profile.md')
  FLAGS.set_default('rounds', 200)
  FLAGS.set_default('densities', ['0.05', '0.1', '0.2'])
  app.run(user_errors.in_one_line(main))
