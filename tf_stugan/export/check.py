"""Whether a written file does what Keras does, found out in a process of its own: a broken one may take it down."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_stugan import errors
from tf_stugan.export import fast_path
from tf_stugan.export import tflite
from tf_stugan.gans.outputs import Output

_IMAGES = {'noise': 64, 'images': 4}  # by what they are made from
_PART = 16  # images at a time
_MAX_SECONDS = 600


class Difference(NamedTuple):
  """Of pixels in [-1, 1] from Keras: the largest and the mean |difference|. NaN in the file gives NaN here."""

  largest: float
  mean: float


def count(output: Output) -> int:
  """Returns how many images are compared: fewer where each takes seconds."""
  return _IMAGES['images' if output.source else 'noise']


def compare(path: pathlib.Path, output: Output, count: int) -> Difference:
  """Runs a written .tflite or SavedModel on the inputs with numbers 0 .. count - 1, in another process.

  Raises:
    UserError: it cannot be loaded, crashes, holds variables or gives NaN.
  """
  inputs = output.inputs(np.arange(count))
  made = [output.network(*(x[i:i + _PART] for x in inputs), training=False) for i in range(0, count, _PART)]
  with tempfile.TemporaryDirectory() as folder:
    reference = pathlib.Path(folder, 'reference.npz')
    names = [spec.name for spec in output.signature(1)]
    np.savez(reference, made=np.concatenate(made), **dict(zip(names, inputs, strict=False)))
    command = [sys.executable, '-m', __name__, str(path), str(reference)]
    child = subprocess.run(command, capture_output=True, text=True, timeout=_MAX_SECONDS, check=False)
  if child.returncode:
    reason = (child.stderr.strip().splitlines() or [f'signal {-child.returncode}'])[-1]
    raise errors.UserError(f'The file that was written cannot be run: {reason}')
  result = Difference(*json.loads(child.stdout.splitlines()[-1]))
  if not np.isfinite(result.largest):
    raise errors.UserError('The file that was written computes NaN.')
  return result


def difference(path: pathlib.Path, reference: pathlib.Path) -> Difference:
  """Does what `compare` does, in this process."""
  arrays = np.load(reference)
  run = _run_saved_model if path.is_dir() else _run_tflite
  inputs = {name: arrays[name] for name in arrays if name != 'made'}
  distance = np.abs(run(path, inputs) - arrays['made'])
  return Difference(float(distance.max()), float(distance.mean()))


def _run_tflite(path, inputs):
  model = path.read_bytes()
  variables = [op.kind for op in fast_path.inspect(model) if 'VAR' in op.kind]
  if variables:
    raise ValueError(f'it holds variable operations: {", ".join(variables)}')
  labels = inputs.pop('labels', None)
  source, = inputs.values()
  return tflite.run(model, source, labels)


def _run_saved_model(path, inputs):
  serve = tf.saved_model.load(str(path)).signatures['serving_default']
  shapes = {spec.name: spec.shape[0] for spec in serve.structured_input_signature[1].values()}
  size = min(shapes.values())
  batches = [serve(**{name: tf.constant(inputs[name][i:i + size]) for name in shapes})['images']
             for i in range(0, len(next(iter(inputs.values()))) - size + 1, size)]
  return tf.concat(batches, 0).numpy()


if __name__ == '__main__':
  written = pathlib.Path(sys.argv[1])
  os.chdir(written.parent)  # TensorFlow takes the names of folders for patterns
  sys.stdout.write(json.dumps(difference(pathlib.Path(written.name), pathlib.Path(sys.argv[2]))) + '\n')
