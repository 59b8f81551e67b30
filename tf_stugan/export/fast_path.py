"""Which operations of a .tflite XNNPACK's sparse inference takes, and what stops the others.

This restates the conditions of `xnn_subgraph_rewrite_for_nchw` and of the TensorFlow Lite delegate before it. It is needed
because a runtime does not tell, and because on x86 with AVX it never takes that path (it holds dense products to be
faster): only on ARM, RISC-V and in WebAssembly does it.
"""

from collections import defaultdict
from collections.abc import Sequence
import dataclasses
import math

import numpy as np

from tf_stugan.litert import schema

_OPERATORS = {v: k for k, v in vars(schema.BuiltinOperator).items() if k[0].isupper()}
_UNARY = ('ABS', 'ELU', 'EXP', 'HARD_SWISH', 'LEAKY_RELU', 'LOGISTIC', 'NEG', 'RELU', 'RELU6', 'SQRT', 'SQUARE', 'TANH')
_UNPACK = ('DENSIFY', 'DEQUANTIZE')
_FLOATS = (schema.TensorType.FLOAT32, schema.TensorType.FLOAT16)
_MIN_ZEROS = 2 / 3
_OUTSIDE = 'is no operation of the sparse path'


@dataclasses.dataclass
class Operation:
  """One operation of the file.

  Attributes:
    name: of its output tensor, which begins with the layer's path.
    kind: TensorFlow Lite's name, for example 'CONV_2D'.
    shape: of the output.
    dense_multiply_adds: with every weight, for one call.
    obstacle: why the sparse path does not take it; '' if it does.
    is_encoded: whether its weights are stored sparsely.
  """

  name: str
  kind: str
  shape: tuple[int, ...]
  dense_multiply_adds: int
  obstacle: str = ''
  inputs: tuple[int, ...] = ()
  output: int = -1
  filter_size: int = 0
  filter_nonzeros: int = 0
  is_encoded: bool = False

  @property
  def multiply_adds(self) -> int:
    """Of one call: with the nonzero weights where the sparse path takes the operation."""
    if self.obstacle or not self.filter_size:
      return self.dense_multiply_adds
    return self.dense_multiply_adds * self.filter_nonzeros // self.filter_size


def inspect(model: bytes) -> list[Operation]:
  """Lists the operations of a .tflite in order, without those that only unpack weights."""
  graph = _Graph(model)
  operations = [graph.operation(op) for op in graph.operators if graph.kind(op) not in _UNPACK + ('PAD',)]
  producers = {op.output: op for op in operations}
  consumers = defaultdict(list)
  for op in operations:
    for tensor in op.inputs:
      consumers[tensor].append(op)
  for cluster in _clusters(operations, producers):
    stop = _cluster_obstacle(cluster, producers, consumers, graph)
    for op in cluster:
      op.obstacle = stop
  return operations


def takes(operations: Sequence[Operation]) -> bool:
  """Tells whether any convolution runs sparsely."""
  return any(op.kind == 'CONV_2D' and not op.obstacle for op in operations)


def _clusters(operations, producers):
  """Groups connected operations without an obstacle of their own. What leaves a cluster does not connect it further."""
  leader = {id(op): op for op in operations if not op.obstacle}
  def find(op):
    while leader[id(op)] is not op:
      op = leader[id(op)]
    return op
  for op in operations:
    for tensor in op.inputs:
      before = producers.get(tensor)
      if op.obstacle or before is None or before.obstacle or before.kind == 'DEPTH_TO_SPACE' or _is_entry(op):
        continue
      leader[id(find(op))] = find(before)
  result = defaultdict(list)
  for op in operations:
    if not op.obstacle:
      result[id(find(op))].append(op)
  return list(result.values())


def _cluster_obstacle(cluster, producers, consumers, graph):
  if not graph.has_sparse_weights:
    return 'no weight of the file is stored sparsely'
  if graph.foreign_splits:
    return f'the file has a split in {graph.foreign_splits[0]} parts; XNNPACK takes those in 2 to 4 only, and loses the rest'
  members = {id(op) for op in cluster}
  for op in cluster:
    for tensor in op.inputs if not _is_entry(op) else ():
      if tensor not in producers or id(producers[tensor]) not in members:
        return f'{op.name} takes a value from outside ({graph.name(tensor)})'
    if op.kind != 'DEPTH_TO_SPACE':
      outside = [c.name for c in consumers[op.output] if id(c) not in members]
      if outside or op.output in graph.outputs:
        return f'{op.name} is used outside ({(outside or ["output"])[0]})'
  if not any(op.kind == 'DEPTH_TO_SPACE' for op in cluster):
    return 'the way out (depth_to_space) is missing'
  size, nonzeros = (sum(getattr(op, field) for op in cluster) for field in ('filter_size', 'filter_nonzeros'))
  if size - nonzeros <= _MIN_ZEROS * size:
    return f'only {(1 - nonzeros / max(size, 1)):.0%} of the 1 x 1 filters is zero; more than 67 % is needed'
  return ''


def _is_entry(op):
  return op.kind == 'CONV_2D' and op.filter_size == 0


class _Graph:
  """A model's flatbuffer, with the questions that are asked here."""

  def __init__(self, model):
    self.model = schema.ModelT.InitFromPackedBuf(model, 0)
    self.graph = self.model.subgraphs[0]
    self.operators, self.tensors = self.graph.operators, self.graph.tensors
    self.outputs = set(self.graph.outputs)
    self.unpacked = {op.outputs[0]: op.inputs[0] for op in self.operators if self.kind(op) in _UNPACK}
    self.pads = {op.outputs[0]: op for op in self.operators if self.kind(op) == 'PAD'}
    splits = [len(op.outputs) for op in self.operators if self.kind(op) == 'SPLIT']
    self.foreign_splits = [parts for parts in splits if not 2 <= parts <= 4]  # seen in WebAssembly: all runs densely then
    self.has_sparse_weights = any(self.kind(op) == 'DENSIFY' for op in self.operators)

  def kind(self, op):
    code = self.model.operatorCodes[op.opcodeIndex]
    return _OPERATORS[max(code.builtinCode, code.deprecatedBuiltinCode)]

  def name(self, tensor):
    return self.tensors[tensor].name.decode()

  def shape(self, tensor):
    return tuple(int(n) for n in self.tensors[tensor].shape)

  def constant(self, tensor):
    """Returns the stored tensor behind one that is unpacked at load; None if it is computed."""
    while tensor in self.unpacked:
      tensor = self.unpacked[tensor]
    return self.tensors[tensor] if self.model.buffers[self.tensors[tensor].buffer].data is not None else None

  def is_encoded(self, tensor):
    stored = self.constant(tensor)
    return stored is not None and stored.sparsity is not None

  def nonzeros(self, tensor):
    """Counts a constant's stored values if it is sparse, and values that are not zero if not."""
    stored = self.constant(tensor)
    data = np.asarray(self.model.buffers[stored.buffer].data)
    item = {schema.TensorType.FLOAT32: np.float32, schema.TensorType.FLOAT16: np.float16}.get(stored.type, np.int8)
    return int(np.count_nonzero(data.view(item)))

  def operation(self, op):
    """Describes an operation, with the obstacle that lies in the operation itself."""
    kind = self.kind(op)
    inputs = [t for t in op.inputs if t >= 0 and self.constant(t) is None]
    pads = [self.pads[t] for t in inputs if t in self.pads]
    inputs = tuple(self.pads[t].inputs[0] if t in self.pads else t for t in inputs)
    result = Operation(self.name(op.outputs[0]), kind, self.shape(op.outputs[0]), 0, '', inputs, op.outputs[0])
    result.is_encoded = any(self.is_encoded(t) for t in op.inputs if t >= 0)
    check = getattr(self, f'_check_{kind.lower()}', None)
    if check:
      result.obstacle = check(op, result, bool(pads))
    elif kind not in _UNARY or len(result.shape) != 4:
      result.obstacle = f'{kind} {_OUTSIDE}'
    computed = (*inputs, *op.outputs, *(op.inputs[1:2] if 'CONV' in kind else ()))
    if not result.obstacle and any(self.tensors[t].type not in _FLOATS for t in computed):
      result.obstacle = 'it computes in integers'
    return result

  def _check_conv_2d(self, op, result, padded):
    _, kh, kw, channels = self.shape(op.inputs[1])
    result.dense_multiply_adds = math.prod(result.shape[1:3]) * math.prod(self.shape(op.inputs[1]))
    options = op.builtinOptions
    if (kh, kw) == (1, 1):
      if options.strideH != 1:
        return 'a 1 x 1 convolution with a stride'
      result.filter_size, result.filter_nonzeros = math.prod(self.shape(op.inputs[1])), self.nonzeros(op.inputs[1])
      return ''
    if (kh, kw, options.strideH, channels) == (3, 3, 2, 3) and padded:
      return ''
    return (f'a {kh} x {kw} convolution of stride {options.strideH} over {channels} channels; only 1 x 1 is taken, and '
            '3 x 3 of stride 2 over 3 channels to enter')

  def _check_depthwise_conv_2d(self, op, result, padded):
    _, kh, kw, _ = self.shape(op.inputs[1])
    options = op.builtinOptions
    result.dense_multiply_adds = math.prod(result.shape[1:]) * kh * kw
    if kh != kw or kh not in (3, 5) or options.depthMultiplier != 1 or options.strideH not in (1, 2):
      return 'a depthwise convolution other than 3 x 3 or 5 x 5 of stride 1 or 2'
    return '' if padded or options.strideH == 1 else 'padding at one end only'

  def _check_fully_connected(self, op, result, padded):
    del padded
    result.dense_multiply_adds = math.prod(self.shape(op.inputs[1]))
    return f'FULLY_CONNECTED {_OUTSIDE}'

  def _check_transpose_conv(self, op, result, padded):
    del padded
    result.dense_multiply_adds = math.prod(self.shape(op.inputs[2])[1:3]) * math.prod(self.shape(op.inputs[1]))
    return f'TRANSPOSE_CONV {_OUTSIDE}'

  def _check_add(self, op, result, padded):
    del padded
    return '' if all(len(self.shape(t)) == 4 and self.constant(t) is None for t in op.inputs) else 'a constant is added'

  def _check_mul(self, op, result, padded):
    return self._check_add(op, result, padded).replace('added', 'multiplied by')

  def _check_resize_bilinear(self, op, result, padded):
    del result, padded
    return '' if min(self.shape(op.inputs[0])[1:3]) > 1 else 'resizing of a single row or column'

  def _check_depth_to_space(self, op, result, padded):
    del op, result, padded
    return ''
