"""LiteRT, which runs .tflite files; the only file that imports it. It needs no TensorFlow, whose import takes seconds.

`tf.lite.Interpreter` is on its way out; this one takes its place.
"""

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
import numpy as np

__all__ = ['Interpreter', 'run', 'schema']


def run(model: bytes, inputs: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
  """Runs a .tflite: latents or images, float32 [N, ...] (and labels int32 [N], if it takes them) -> images [N, H, W, C].

  The last batch is filled up and cut off again.
  """
  interpreter = Interpreter(model_content=model, num_threads=1)
  interpreter.allocate_tensors()
  sources = interpreter.get_input_details()
  target, = interpreter.get_output_details()
  batch_size = sources[0]['shape'][0]
  result = []
  for start in range(0, len(inputs), batch_size):
    for source in sources:
      given = (labels if 'labels' in source['name'] else inputs)[start:start + batch_size]
      interpreter.set_tensor(source['index'], np.resize(given, source['shape']))
    interpreter.invoke()
    result.append(interpreter.get_tensor(target['index']))
  return np.concatenate(result)[:len(inputs)]
