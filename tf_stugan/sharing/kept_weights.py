"""Weights and masks as they are packed: of a masked kernel the weights that are kept, and a bit for each weight."""

from collections.abc import Mapping, Sequence
import math

import numpy as np

Arrays = Mapping[str, np.ndarray]


def compress(weights: Arrays, masks: Arrays) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
  """Leaves out what is masked.

  Args:
    weights: by 'PLAYER/NAME'; those of a masked layer are called 'PLAYER/LAYER/kernel'.
    masks: bool, of a kernel's shape, by 'PLAYER/LAYER'.

  Returns:
    weights, where a masked kernel is [number of weights kept], in C order; and the bits of masks, uint8, in C order, the
    highest of a byte first.
  """
  kernels = {f'{layer}/kernel': mask for layer, mask in masks.items()}
  return ({name: value[kernels[name]] if name in kernels else value for name, value in weights.items()},
          {layer: np.packbits(mask) for layer, mask in masks.items()})


def expand(weights: Arrays, bits: Arrays,
           shapes: Mapping[str, Sequence[int]]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
  """Returns (weights, masks) as `compress` was given them.

  Args:
    weights: as compressed.
    bits: as compressed.
    shapes: of masked kernels, by 'PLAYER/LAYER'.

  Raises:
    KeyError, ValueError: they do not belong together.
  """
  masks = {layer: np.unpackbits(bits[layer], count=math.prod(shape)).astype(bool).reshape(shape)
           for layer, shape in shapes.items()}
  kernels = {f'{layer}/kernel': _put_back(weights[f'{layer}/kernel'], mask) for layer, mask in masks.items()}
  return {**weights, **kernels}, masks


def _put_back(kept, mask):
  if kept.shape != (mask.sum(),):
    raise ValueError(f'{mask.sum()} weights are kept, {len(kept)} are there')
  kernel = np.zeros(mask.shape, kept.dtype)
  kernel[mask] = kept
  return kernel
