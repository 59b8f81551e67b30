"""Whether a written file does what Keras does, found out in a process of its own: a broken one may take it down."""

import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

from tf_stugan import errors
from tf_stugan.export import difference
from tf_stugan.gans.outputs import Output

_IMAGES = {'noise': 64, 'images': 4}  # by what they are made from
_PART = 16  # images at a time
_MAX_SECONDS = 600


def count(output: Output) -> int:
  """Returns how many images are compared: fewer where each takes seconds."""
  return _IMAGES['images' if output.source else 'noise']


def compare(path: pathlib.Path, output: Output, count: int) -> difference.Difference:
  """Runs a written .tflite, .onnx or SavedModel on the inputs with numbers 0 .. count - 1, in another process.

  Raises:
    UserError: it cannot be loaded, crashes, holds variables, gives NaN or takes more than ten minutes.
  """
  inputs = output.inputs(np.arange(count))
  made = [output.network(*(x[i:i + _PART] for x in inputs), training=False) for i in range(0, count, _PART)]
  with tempfile.TemporaryDirectory() as folder:
    reference = pathlib.Path(folder, 'reference.npz')
    names = [spec.name for spec in output.signature(1)]
    np.savez(reference, made=np.concatenate(made), **dict(zip(names, inputs, strict=False)))
    command = [sys.executable, '-m', difference.__name__, str(path), str(reference)]
    try:
      child = subprocess.run(command, capture_output=True, text=True, timeout=_MAX_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
      raise errors.UserError(f'The converted file takes more than {_MAX_SECONDS} seconds here for the {count} images by '
                             'which it is compared with Keras; it was not written.') from error
  if child.returncode:
    reason = (child.stderr.strip().splitlines() or [f'signal {-child.returncode}'])[-1]
    raise errors.UserError(f'The file that was written cannot be run: {reason}')
  result = difference.Difference(*json.loads(child.stdout.splitlines()[-1]))
  if not np.isfinite(result.largest):
    raise errors.UserError('The file that was written computes NaN.')
  return result
