"""What the demonstration page draws of a network: where a corner of each layer has its weights."""

import numpy as np

from tf_stugan.compat import keras
from tf_stugan.layers.prunable import prunable_layers

_MOST_KERNELS = 32  # of each side of the drawing: more of them cannot be told apart on a phone


def describe(network: keras.Model) -> tuple[list[dict], bytes]:
  """Collects, of each convolution that can carry a mask, its size, its density, and which weights a corner of it keeps.

  Returns:
    (a row a layer, fit for JSON, with `shown`, the shape [H, W, C_in, C_out] of its corner; all corners, a byte a weight).
  """
  rows, corners = [], []
  for path, layer in prunable_layers(network).items():
    if layer.kernel.shape.rank == 4:
      kept = layer.kernel.numpy() != 0
      corner = kept[:, :, :_MOST_KERNELS, :_MOST_KERNELS]
      rows.append({'name': path, 'shape': list(kept.shape), 'kept': int(kept.sum()), 'shown': list(corner.shape)})
      corners.append(corner.astype(np.uint8).tobytes())
  return rows, b''.join(corners)
