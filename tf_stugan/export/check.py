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
from tf_stugan import rng
from tf_stugan.compat import keras
from tf_stugan.export import fast_path
from tf_stugan.export import tflite

IMAGES = 64
_MAX_SECONDS = 600


class Difference(NamedTuple):
  """Of pixels in [-1, 1] from Keras: the largest and the mean |difference|. NaN in the file gives NaN here."""

  largest: float
  mean: float


def compare(path: pathlib.Path, generator: keras.Model, count: int = IMAGES) -> Difference:
  """Runs a written .tflite or SavedModel on the latents (and labels) of seeds 0 .. count - 1, in another process.

  Raises:
    UserError: it cannot be loaded, crashes, holds variables or gives NaN.
  """
  seeds = np.arange(count)
  latents, labels = rng.latents(seeds, generator.latent_size), rng.labels(seeds, generator.num_classes)
  with tempfile.TemporaryDirectory() as folder:
    reference = pathlib.Path(folder, 'reference.npz')
    np.savez(reference, latents=latents, labels=labels, images=generator(latents, labels, training=False).numpy())
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
  """What `compare` does, in this process."""
  arrays = np.load(reference)
  run = _run_saved_model if path.is_dir() else _run_tflite
  images = run(path, arrays['latents'], arrays['labels'])
  distance = np.abs(images - arrays['images'])
  return Difference(float(distance.max()), float(distance.mean()))


def _run_tflite(path, latents, labels):
  model = path.read_bytes()
  variables = [op.kind for op in fast_path.inspect(model) if 'VAR' in op.kind]
  if variables:
    raise ValueError(f'it holds variable operations: {", ".join(variables)}')
  return tflite.run(model, latents, labels)


def _run_saved_model(path, latents, labels):
  serve = tf.saved_model.load(str(path)).signatures['serving_default']
  inputs = {'latents': latents, 'labels': labels}
  shapes = {spec.name: spec.shape[0] for spec in serve.structured_input_signature[1].values()}
  size = min(shapes.values())
  batches = [serve(**{name: tf.constant(inputs[name][i:i + size]) for name in shapes})['images']
             for i in range(0, len(latents) - size + 1, size)]
  return tf.concat(batches, 0).numpy()


if __name__ == '__main__':
  written = pathlib.Path(sys.argv[1])
  os.chdir(written.parent)  # TensorFlow takes the names of folders for patterns
  sys.stdout.write(json.dumps(difference(pathlib.Path(written.name), pathlib.Path(sys.argv[2]))) + '\n')
