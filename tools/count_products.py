"""How many products a compiled function does, counted in its graph."""

import collections
import math


def count(function, *args) -> collections.Counter:
  """Counts multiply-adds of convolutions, their gradients and matrix products in one call, by (operation, kernel shape)."""
  counts = collections.Counter()
  for op in _needed(function.get_concrete_function(*args).graph):
    # A convolution or a gradient of one: a product for every pixel of the map after it, every tap, every pair of channels.
    if op.type == 'Conv2D':
      map_, kernel = op.outputs[0], op.inputs[1]
    elif op.type == 'Conv2DBackpropInput':
      map_, kernel = op.inputs[2], op.inputs[1]
    elif op.type == 'Conv2DBackpropFilter':
      map_, kernel = op.inputs[2], op.outputs[0]
    elif op.type == 'MatMul':
      counts[op.type, ()] += op.outputs[0].shape.num_elements() * op.inputs[0].shape[0 if op.get_attr('transpose_a') else 1]
      continue
    else:
      continue
    counts[op.type, tuple(kernel.shape)] += math.prod(map_.shape[:3]) * kernel.shape.num_elements()
  return counts


def _needed(graph):
  """Returns the operations that a call executes: a gradient that nobody takes is in the graph, too."""
  needed, left = set(), [*(tensor.op for tensor in graph.outputs), *graph.control_outputs]
  while left:
    op = left.pop()
    if op not in needed:
      needed.add(op)
      left += [*(tensor.op for tensor in op.inputs), *op.control_inputs]
  return needed
