"""What an exported generator is, for its metadata, and what became of its layers, for people."""

from collections import Counter
from collections import defaultdict
from collections.abc import Sequence
import functools
import hashlib
import io
import re

import numpy as np
import rich.console
import rich.table

import tf_stugan
from tf_stugan.export import fast_path
from tf_stugan.gans.outputs import Output
from tf_stugan.layers.prunable import prunable_layers

_COLUMNS = 120


def describe(output: Output) -> dict:
  """Collects model, inputs, density of each layer that can be masked, a checksum of all variables, version: fit for JSON."""
  network = output.network
  weights = hashlib.sha256()
  for variable in network.variables:
    weights.update(np.ascontiguousarray(variable.numpy()).tobytes())
  density = {path: np.count_nonzero(layer.kernel) / layer.kernel.shape.num_elements()
             for path, layer in prunable_layers(network).items()}
  return {'model': type(network).__name__, 'num_classes': getattr(network, 'num_classes', 0),
          'inputs': {spec.name: spec.shape[1:].as_list() for spec in output.signature(1)}, 'density': density,
          'weights_sha256': weights.hexdigest(), 'tf_stugan': tf_stugan.__version__}


def explain(operations: Sequence[fast_path.Operation], network: str) -> str:
  """Writes a table of 120 columns, a row a layer: operations, multiply-adds of one image before and after, sparse path.

  Args:
    operations: of the file.
    network: the name of what was exported.
  """
  layers = defaultdict(list)
  for op in operations:
    layers[_layer(op, network)].append(op)
  column = functools.partial(rich.table.Column, no_wrap=True)
  table = rich.table.Table(
      column('layer'), 'became', column('all weights', justify='right'), column('multiply-adds', justify='right'),
      'sparse path', box=None, pad_edge=False)
  for layer, ops in layers.items():
    table.add_row(*_row(layer, ops))
  _, _, before, after, _ = _row('total', operations)
  table.add_row('total', '', before, after)
  text = io.StringIO()
  rich.console.Console(file=text, width=_COLUMNS, highlight=False, markup=False).print(table)
  return ''.join(line.rstrip() + '\n' for line in text.getvalue().splitlines())


def _layer(op, network):
  """Returns 'block1/conv1' of '[NETWORK/]block1/conv1/Conv2D;...'; the file's names begin with the layer's path."""
  scopes = op.name.split(';')[0].removeprefix(f'{network}/').split('/')[:-1]
  return '/'.join(scopes[:2]) or '(between layers)'


def _row(layer, ops):
  kinds = Counter(op.kind.lower() for op in ops)
  obstacles = sorted({re.sub(r';(?! )[^ )]*', '', op.obstacle) for op in ops if op.obstacle})  # a tensor of many names
  return (layer, ', '.join(f'{n} {kind}' for kind, n in kinds.items()), f'{sum(op.dense_multiply_adds for op in ops):,}',
          f'{sum(op.multiply_adds for op in ops):,}', 'no: ' + '; '.join(obstacles) if obstacles else 'yes')
