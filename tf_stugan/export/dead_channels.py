"""Takes channels out of a generator that cannot change its images, whatever the format it is written in."""

import dataclasses

import numpy as np

from tf_stugan.export.residual import Block
from tf_stugan.export.residual import ResidualGenerator


def remove(generator: ResidualGenerator) -> ResidualGenerator:
  """Returns the same function with fewer channels.

  Inside a block a channel goes if no weight reads it, or if no weight reaches it and its bias is not positive: after the
  ReLU it is zero everywhere. (A positive constant has to stay, because a SAME convolution sees it end at the border.) On
  the residual path a channel goes if nothing reads it. From the end to the beginning, so that what falls away frees more.
  """
  alive = _used_inputs(generator.to_rgb.kernel)
  norm, to_rgb, blocks = generator.norm.take(alive), generator.to_rgb.take_inputs(alive), []
  for i, block in reversed(list(enumerate(generator.blocks, 1))):
    if i == generator.network.attention_after:
      alive = np.arange(block.conv2.bias.size)  # attention reads them all
    block = _thin(block, alive)
    width, read = block.shortcut.kernel.shape[2], block.conv1.kernel.shape[2]
    alive = _used_inputs(block.conv1.padded(width).kernel, block.shortcut.kernel)
    first = alive[alive < read]
    blocks.insert(0, dataclasses.replace(
        block, norm1=block.norm1.take(first), conv1=block.conv1.take_inputs(first),
        shortcut=block.shortcut.take_inputs(alive)))
  return dataclasses.replace(generator, kernel=generator.kernel[..., alive], bias=generator.bias[..., alive],
                             blocks=blocks, norm=norm, to_rgb=to_rgb)


def _thin(block: Block, alive: np.ndarray) -> Block:
  """Returns the block with these output channels only, and without dead channels between its convolutions."""
  conv2 = block.conv2.take_outputs(alive)
  used = conv2.kernel.any(axis=(0, 1, 3))
  if block.norm2 is None:
    used &= block.conv1.kernel.any(axis=(0, 1, 2)) | (block.conv1.bias > 0)
  hidden = _indices(used)
  return dataclasses.replace(
      block, conv1=block.conv1.take_outputs(hidden), norm2=block.norm2 and block.norm2.take(hidden),
      conv2=conv2.take_inputs(hidden), shortcut=block.shortcut.take_outputs(alive))


def _used_inputs(*kernels):
  return _indices(np.any([kernel.any(axis=(0, 1, 3)) for kernel in kernels], axis=0))


def _indices(alive):
  """Lists the channels that are left; one stays, since a map without any cannot be written down."""
  return np.flatnonzero(alive) if alive.any() else np.array([0])
