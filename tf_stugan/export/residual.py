"""A generator of residual blocks as plain arrays: what the passes over it work on.

SNGAN's and BigGAN's generators are the same chain (Miyato et al., 2018, Appendix B): a dense layer gives [h, w, C]; each
block doubles the resolution, norm-ReLU-up-conv3-norm-ReLU-conv3 plus up-conv1; norm-ReLU-conv3-tanh gives the image.
"""

from collections.abc import Sequence
import dataclasses

import numpy as np

from tf_stugan import errors
from tf_stugan.compat import keras


@dataclasses.dataclass(frozen=True)
class Affine:
  """x [..., C] -> x * scale + offset, each [C]: what a normalization by running statistics is."""

  scale: np.ndarray
  offset: np.ndarray

  def take(self, channels: np.ndarray) -> 'Affine':
    return Affine(self.scale[channels], self.offset[channels])


@dataclasses.dataclass(frozen=True)
class Conv:
  """A convolution with SAME padding: kernel [k, k, C_in, C_out], bias [C_out]."""

  kernel: np.ndarray
  bias: np.ndarray

  def take_inputs(self, channels: np.ndarray) -> 'Conv':
    return Conv(self.kernel[:, :, channels], self.bias)

  def take_outputs(self, channels: np.ndarray) -> 'Conv':
    return Conv(self.kernel[..., channels], self.bias[channels])


@dataclasses.dataclass(frozen=True)
class Block:
  """x -> conv2(relu(conv1(up(relu(norm1(x)))))) + up(shortcut(x)). The second normalization is folded into conv1."""

  name: str
  norm1: Affine
  conv1: Conv
  conv2: Conv
  shortcut: Conv


@dataclasses.dataclass(frozen=True)
class ResidualGenerator:
  """latents [N, latent_size] -> project [N, h, w, C] -> blocks -> norm, ReLU, to_rgb, tanh.

  Attributes:
    kernel, bias: of the dense layer, [latent_size, h, w, C] and [h, w, C].
    blocks: each doubles the resolution.
    norm, to_rgb: the end.
  """

  kernel: np.ndarray
  bias: np.ndarray
  blocks: Sequence[Block]
  norm: Affine
  to_rgb: Conv

  @property
  def latent_size(self) -> int:
    return self.kernel.shape[0]


def read(generator: keras.Model) -> ResidualGenerator:
  """The arrays of a built generator, with every normalization that follows a convolution folded into it.

  Raises:
    UserError: the generator is built otherwise.
  """
  try:
    blocks = [_block(block) for block in generator.blocks]
    norm, to_rgb, project = affine(generator.norm), _conv(generator.to_rgb), generator.project
  except AttributeError as error:
    raise errors.UserError(
        f'--layout=sparse_lowered knows generators of residual blocks with plain BatchNorm only; {generator.name} differs: '
        f'{error}. Take --layout=plain.') from error
  width = blocks[0].norm1.scale.size
  side = round((project.kernel.shape[-1] / width)**0.5)
  return ResidualGenerator(project.kernel.numpy().reshape(-1, side, side, width),
                           project.bias.numpy().reshape(side, side, width), blocks, norm, to_rgb)


def affine(norm: keras.layers.BatchNormalization) -> Affine:
  """gamma / sqrt(variance + epsilon) and beta - mean * that."""
  scale = norm.gamma.numpy() / np.sqrt(norm.moving_variance.numpy() + norm.epsilon)
  return Affine(scale, norm.beta.numpy() - norm.moving_mean.numpy() * scale)


def fold(conv: Conv, after: Affine) -> Conv:
  """One convolution for a convolution and the affine map after it."""
  return Conv(conv.kernel * after.scale, conv.bias * after.scale + after.offset)


def _conv(layer):
  kernel = layer.kernel.numpy()
  return Conv(kernel, np.zeros(kernel.shape[-1], np.float32) if layer.bias is None else layer.bias.numpy())


def _block(block):
  return Block(block.name, affine(block.norm1), fold(_conv(block.conv1), affine(block.norm2)), _conv(block.conv2),
               _conv(block.shortcut))
