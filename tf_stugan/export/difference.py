"""How far images that a written file makes are from those of Keras; a program of its own, which `check.py` starts.

For a .tflite it does without TensorFlow, whose import takes longer than all the rest.
"""

from collections.abc import Callable, Mapping
import json
import os
import pathlib
import sys
from typing import NamedTuple

import numpy as np

from tf_stugan import litert
from tf_stugan.export import fast_path


class Difference(NamedTuple):
  """Of pixels in [-1, 1] from Keras: the largest and the mean |difference|. NaN in the file gives NaN here."""

  largest: float
  mean: float


def difference(path: pathlib.Path, reference: pathlib.Path) -> Difference:
  """Runs a .tflite, .onnx or SavedModel on what `reference` (an .npz) has, and compares what comes out with `made` of it."""
  arrays = np.load(reference)
  run = _run_saved_model if path.is_dir() else _run_onnx if path.suffix == '.onnx' else _run_tflite
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
  return litert.run(model, source, labels)


def _run_saved_model(path, inputs):
  import tensorflow as tf  # pylint: disable=g-import-not-at-top  (a .tflite needs none)
  serve = tf.saved_model.load(str(path)).signatures['serving_default']
  shapes = {spec.name: spec.shape[0] for spec in serve.structured_input_signature[1].values()}
  size = min(shapes.values())
  return run_batches(lambda batch: serve(**{name: tf.constant(batch[name]) for name in shapes})['images'], inputs, size)


def _run_onnx(path, inputs):
  import onnxruntime  # pylint: disable=g-import-not-at-top  (an extra)
  session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])
  size = session.get_inputs()[0].shape[0]
  names = [given.name for given in session.get_inputs()]
  return run_batches(lambda batch: session.run(['images'], {name: batch[name] for name in names})[0], inputs, size)


def run_batches(run: Callable[[Mapping[str, np.ndarray]], np.ndarray], inputs: Mapping[str, np.ndarray],
                size: int) -> np.ndarray:
  """Returns what `run` makes of inputs, `size` at a time; the last batch is filled up with those from the beginning.

  Args:
    run: {name: [size, ...]} -> [size, ...].
    inputs: [N, ...] each.
    size: of a batch.
  """
  count = len(next(iter(inputs.values())))
  starts = range(0, count, size)
  filled = {name: np.resize(values, [len(starts) * size, *values.shape[1:]]) for name, values in inputs.items()}
  return np.concatenate([run({name: values[i:i + size] for name, values in filled.items()}) for i in starts])[:count]


if __name__ == '__main__':
  written = pathlib.Path(sys.argv[1])
  os.chdir(written.parent)  # TensorFlow takes the names of folders for patterns
  sys.stdout.write(json.dumps(difference(pathlib.Path(written.name), pathlib.Path(sys.argv[2]))) + '\n')
