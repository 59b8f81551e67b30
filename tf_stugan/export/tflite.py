"""A generator as a .tflite file: precision, encoding, what is written into it, and how it is run."""

from collections.abc import Callable
import json

import flatbuffers
import numpy as np
import tensorflow as tf

from tf_stugan import errors
from tf_stugan import quiet
from tf_stugan import rng
from tf_stugan.compat import Interpreter
from tf_stugan.compat import keras
from tf_stugan.compat import schema

Images = Callable[..., tf.Tensor]  # (latents) or (latents, labels) -> images

_METADATA = 'tf_stugan'
_CALIBRATION_IMAGES = 64

def signature(generator: keras.Model, batch_size: int) -> list[tf.TensorSpec]:
  """'latents' float32 [batch_size, latent_size] and, with classes, 'labels' int32 [batch_size]."""
  specs = [tf.TensorSpec([batch_size, generator.latent_size], tf.float32, name='latents')]
  if generator.num_classes:
    specs.append(tf.TensorSpec([batch_size], tf.int32, name='labels'))
  return specs


def convert(images: Images, generator: keras.Model, batch_size: int = 1, precision: str = 'fp32',
            encoded: bool = False) -> bytes:
  """The bytes of a .tflite with a static batch and the inputs of `signature`; 'images' come out, tanh included.

  Args:
    images: the generator as a function; it may read variables of `generator`.
    generator: says what the inputs are.
    batch_size: images a call. A dynamic one would leave shapes that XNNPACK refuses.
    precision: 'fp32'; 'fp16'; 'int8', int8 weights and activations, calibrated on 64 latents, between float inputs and
      outputs; 'dynamic', int8 weights only.
    encoded: store sparse weights as compressed rows.
  """
  @tf.function(input_signature=signature(generator, batch_size), autograph=False)
  def serve(latents, labels=None):
    return {'images': images(latents) if labels is None else images(latents, labels)}

  converter = tf.lite.TFLiteConverter.from_concrete_functions([serve.get_concrete_function()], generator)
  if precision != 'fp32':
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
  if precision == 'fp16':
    converter.target_spec.supported_types = [tf.float16]
  if precision == 'int8':
    converter.representative_dataset = lambda: _calibration(generator, batch_size)
  if encoded:
    converter.optimizations = [*converter.optimizations, tf.lite.Optimize.EXPERIMENTAL_SPARSITY]
  with quiet.kept_back():
    return converter.convert()


def _calibration(generator, batch_size):
  for start in range(0, _CALIBRATION_IMAGES, batch_size):
    seeds = np.arange(start, start + batch_size)
    latents = rng.latents(seeds, generator.latent_size)
    # The converter has its inputs in the order of their names.
    yield [rng.labels(seeds, generator.num_classes), latents] if generator.num_classes else [latents]


def add_metadata(model: bytes, metadata: dict) -> bytes:
  """The file with a JSON object in it, under the metadata name 'tf_stugan'."""
  parsed = schema.ModelT.InitFromPackedBuf(model, 0)
  buffer = schema.BufferT()
  buffer.data = np.frombuffer(json.dumps(metadata).encode(), np.uint8)
  entry = schema.MetadataT()
  entry.name, entry.buffer = _METADATA, len(parsed.buffers)
  parsed.buffers.append(buffer)
  parsed.metadata = [*(parsed.metadata or []), entry]
  builder = flatbuffers.Builder(len(model))
  builder.Finish(parsed.Pack(builder), b'TFL3')
  return bytes(builder.Output())


def metadata(model: bytes) -> dict:
  """What `add_metadata` wrote.

  Raises:
    UserError: nothing was written.
  """
  parsed = schema.ModelT.InitFromPackedBuf(model, 0)
  for entry in parsed.metadata or []:
    if entry.name == _METADATA.encode():
      return json.loads(bytes(parsed.buffers[entry.buffer].data))
  raise errors.UserError('The file has no metadata of this program.')


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
