"""A generator as an .onnx file, by tf2onnx (`pip install 'tf_stugan[onnx]'`), for runtimes that read nothing else."""

import importlib.util
import json
import warnings

import tensorflow as tf

from tf_stugan import errors
from tf_stugan import quiet
from tf_stugan.export.exporter import plain_images
from tf_stugan.gans.outputs import Output

_OPSET = 17  # of tf2onnx 1.17's tested ones (14 to 18)


def check_installed() -> None:
  """Raises UserError if the converter, or the runtime that checks what it wrote, is missing."""
  for name in ('tf2onnx', 'onnxruntime'):
    if importlib.util.find_spec(name) is None:
      raise errors.UserError(f"--format=onnx needs {name}: pip install 'tf_stugan[onnx]'.")


def convert(output: Output, batch_size: int, metadata: dict) -> bytes:
  """Returns the bytes of the plain layout as ONNX: inputs of `output.signature`, 'images' [N, H, W, C] come out.

  Weights are stored as they are, zeros included: ONNX's runtimes have no sparse path. `metadata`, fit for JSON, is the
  value of the key 'tf_stugan'.
  """
  import tf2onnx  # pylint: disable=g-import-not-at-top  (an extra)
  images = plain_images(output.network)
  serve = tf.function(lambda *inputs: {'images': images(*inputs)}, autograph=False)
  with quiet.hold_back(), warnings.catch_warnings():
    warnings.simplefilter('ignore')  # of NumPy and TensorFlow, about what the converter still calls
    model, _ = tf2onnx.convert.from_function(serve, output.signature(batch_size), opset=_OPSET)
  model.metadata_props.add(key='tf_stugan', value=json.dumps(metadata))
  return model.SerializeToString()
