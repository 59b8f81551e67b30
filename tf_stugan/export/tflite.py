"""A generator as a .tflite file, and the proof that it computes what Keras computes."""

import dataclasses

import numpy as np
import tensorflow as tf

from tf_stugan import rng
from tf_stugan.compat import Interpreter
from tf_stugan.compat import keras


@dataclasses.dataclass(frozen=True)
class Exported:
  """A converted generator.

  Attributes:
    model: the file's bytes.
    plain_size: bytes without sparse encoding.
    sparse: whether the kernels are stored as compressed sparse rows.
  """

  model: bytes
  plain_size: int
  sparse: bool


def convert(generator: keras.Model, batch_size: int = 1, sparse: bool | None = None) -> Exported:
  """Converts to float32 with a static batch: 'latents' [batch_size, latent_size] -> images [batch_size, H, W, C].

  A class-conditional generator has a second input, 'labels', int32 [batch_size].

  Args:
    generator: built.
    batch_size: images a call.
    sparse: store sparse kernels as compressed rows; None takes whichever file is smaller. TensorFlow Lite pays an index
      for every weight that is kept, so encoding pays above about 20 % zeros where the last dimension of a kernel is at
      most 256, and above 33 % where it is larger.
  """
  signature = [tf.TensorSpec([batch_size, generator.latent_size], tf.float32, name='latents')]
  if generator.num_classes:
    signature.append(tf.TensorSpec([batch_size], tf.int32, name='labels'))

  @tf.function(input_signature=signature)
  def images(latents, labels=None):
    return {'images': generator(latents, labels, training=False)}

  def to_bytes(optimizations):
    converter = tf.lite.TFLiteConverter.from_concrete_functions([images.get_concrete_function()], generator)
    converter.optimizations = optimizations
    return converter.convert()

  plain = to_bytes([])
  if sparse is False:
    return Exported(plain, len(plain), False)
  encoded = to_bytes([tf.lite.Optimize.EXPERIMENTAL_SPARSITY])
  if sparse or len(encoded) < len(plain):
    return Exported(encoded, len(plain), True)
  return Exported(plain, len(plain), False)


def run(model: bytes, latents: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
  """Images of a .tflite: float32 [N, latent_size] (and labels int32 [N], if it takes them) -> [N, H, W, C].

  The last batch is filled up and cut off again.
  """
  interpreter = Interpreter(model_content=model, num_threads=1)
  interpreter.allocate_tensors()
  sources = interpreter.get_input_details()
  target, = interpreter.get_output_details()
  batch_size = sources[0]['shape'][0]
  result = []
  for start in range(0, len(latents), batch_size):
    for source in sources:
      given = (labels if 'labels' in source['name'] else latents)[start:start + batch_size]
      interpreter.set_tensor(source['index'], np.resize(given, source['shape']))
    interpreter.invoke()
    result.append(interpreter.get_tensor(target['index']))
  return np.concatenate(result)[:len(latents)]


def parity(model: bytes, generator: keras.Model, count: int = 64) -> tuple[float, float]:
  """Largest and mean |difference| from Keras over the images of seeds 0 .. count - 1. NaN in a file gives NaN here."""
  latents = rng.latents(np.arange(count), generator.latent_size)
  labels = rng.labels(np.arange(count), generator.num_classes)
  difference = np.abs(run(model, latents, labels) - generator(latents, labels, training=False).numpy())
  return float(difference.max()), float(difference.mean())
