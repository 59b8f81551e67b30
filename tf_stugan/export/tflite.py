"""A generator as a .tflite file: precision, encoding, what is written into it, and how it is run."""

from collections.abc import Callable
import json
import warnings

import flatbuffers
import numpy as np
import tensorflow as tf

from tf_stugan import errors
from tf_stugan import quiet
from tf_stugan.gans.outputs import Output
from tf_stugan.litert import schema

Images = Callable[..., tf.Tensor]  # inputs of a network -> images

_METADATA = 'tf_stugan'
_CALIBRATION_IMAGES = 64
_LOOKUPS = (schema.BuiltinOperator.EMBEDDING_LOOKUP, schema.BuiltinOperator.GATHER)


def convert(images: Images, output: Output, batch_size: int = 1, precision: str = 'fp32', encoded: bool = False) -> bytes:
  """Returns the bytes of a .tflite with a static batch and the inputs of `output.signature`; 'images' come out.

  Args:
    images: the network as a function; it may read variables of `output.network`.
    output: says what the inputs are.
    batch_size: images a call. A dynamic one would leave shapes that XNNPACK refuses.
    precision: 'fp32'; 'fp16'; 'int8', int8 weights and activations, calibrated on 64 inputs, between float inputs and
      outputs; 'dynamic', int8 weights only.
    encoded: store sparse weights as compressed rows.
  """
  serve = tf.function(lambda *inputs: {'images': images(*inputs)}, autograph=False)
  concrete = serve.get_concrete_function(*output.signature(batch_size))
  weights = tf.Module()  # without the layers, each of which Keras would trace several times
  weights.all = output.network.variables
  converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], weights)
  if precision != 'fp32':
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
  if precision == 'fp16':
    converter.target_spec.supported_types = [tf.float16]
  if precision == 'int8':
    converter.representative_dataset = lambda: _calibration(output, batch_size)
  if encoded:
    converter.optimizations = [*converter.optimizations, tf.lite.Optimize.EXPERIMENTAL_SPARSITY]
  with quiet.hold_back(), warnings.catch_warnings():
    warnings.filterwarnings('ignore', 'Statistics for quantized inputs')  # calibration has given them
    return converter.convert()


def _calibration(output, batch_size):
  names = [spec.name for spec in output.signature(batch_size)]
  for start in range(0, _CALIBRATION_IMAGES, batch_size):
    inputs = dict(zip(names, output.inputs(np.arange(start, start + batch_size)), strict=False))
    yield [inputs[name] for name in sorted(names)]  # the order in which the converter has them


def order_depth_first(model: bytes) -> bytes:
  """Orders the operations so that each comes just before what needs it: a map is used while it is in the cache.

  Looking labels up comes first of all. XNNPACK takes no part in that, and in the middle it would cut the graph in two: the
  runtime gathers what a delegate is given by the order of the operations.
  """
  parsed = schema.ModelT.InitFromPackedBuf(model, 0)
  graph = parsed.subgraphs[0]
  codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in parsed.operatorCodes]
  producers = {tensor: op for op in graph.operators for tensor in op.outputs.tolist()}
  ordered, waiting = {}, [producers[tensor] for tensor in reversed(graph.outputs.tolist())]
  waiting += [op for op in graph.operators if codes[op.opcodeIndex] in _LOOKUPS]
  while waiting:
    inputs = (producers.get(tensor) for tensor in waiting[-1].inputs.tolist())
    missing = next((op for op in inputs if op and id(op) not in ordered), None)
    if missing:
      waiting.append(missing)
    else:
      ordered.setdefault(id(waiting[-1]), waiting.pop())
  graph.operators = list(ordered.values())
  return _pack(parsed)


def add_metadata(model: bytes, metadata: dict) -> bytes:
  """Puts a JSON object into the file, under the metadata name 'tf_stugan'."""
  parsed = schema.ModelT.InitFromPackedBuf(model, 0)
  buffer = schema.BufferT()
  buffer.data = np.frombuffer(json.dumps(metadata).encode(), np.uint8)
  entry = schema.MetadataT()
  entry.name, entry.buffer = _METADATA, len(parsed.buffers)
  parsed.buffers.append(buffer)
  parsed.metadata = [*(parsed.metadata or []), entry]
  return _pack(parsed)


def _pack(parsed):
  builder = flatbuffers.Builder(1 << 20)
  builder.Finish(parsed.Pack(builder), b'TFL3')
  return bytes(builder.Output())


def metadata(model: bytes) -> dict:
  """Returns what `add_metadata` wrote.

  Raises:
    UserError: nothing was written.
  """
  parsed = schema.ModelT.InitFromPackedBuf(model, 0)
  for entry in parsed.metadata or []:
    if entry.name == _METADATA.encode():
      return json.loads(bytes(parsed.buffers[entry.buffer].data))
  raise errors.UserError('The file has no metadata of this program.')
