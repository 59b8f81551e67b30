"""A generator of residual blocks as plain arrays: what the passes over it work on.

SNGAN's and BigGAN's generators are the same chain (Miyato et al., 2018, Appendix B): a dense layer gives [h, w, C]; each
block doubles the resolution, norm-ReLU-up-conv3-norm-ReLU-conv3 plus up-conv1; norm-ReLU-conv3-tanh gives the image.
"""

from collections.abc import Sequence
import dataclasses

import numpy as np
import tensorflow as tf

from tf_stugan.compat import keras
from tf_stugan.layers.blocks import GeneratorBlock
from tf_stugan.layers.normalization import ConditionalBatchNorm
from tf_stugan.layers.prunable import Dense


@dataclasses.dataclass(frozen=True)
class Affine:
  """x [..., C] -> x * scale + offset, each [C]: what a normalization by running statistics is."""

  scale: np.ndarray
  offset: np.ndarray

  def take(self, channels: np.ndarray) -> 'Affine':
    return Affine(self.scale[channels], self.offset[channels])

  def padded(self, count: int) -> 'Affine':
    return Affine(_padded(self.scale, count), _padded(self.offset, count))


@dataclasses.dataclass(frozen=True)
class ConditionalAffine:
  """The same where scale and offset depend on a condition, the class for example: they cannot be folded into anything.

  Attributes:
    layer: the `ConditionalBatchNorm` whose gain and bias they are.
    fixed: what it does where gain and bias are 0.
    channels: which of the layer's channels are left.
  """

  layer: ConditionalBatchNorm
  fixed: Affine
  channels: np.ndarray

  def take(self, channels: np.ndarray) -> 'ConditionalAffine':
    return ConditionalAffine(self.layer, self.fixed.take(channels), self.channels[channels])

  def padded(self, count: int) -> 'ConditionalAffine':
    return ConditionalAffine(self.layer, self.fixed.padded(count), _padded(self.channels, count))

  def of(self, condition: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns (scale, offset), each [N, 1, 1, C]."""
    gain, bias = (_part(layer, condition, self.channels) for layer in (self.layer.gain, self.layer.bias))
    scale, offset = (1 + gain) * self.fixed.scale, (1 + gain) * self.fixed.offset + bias
    return scale[:, None, None, :], offset[:, None, None, :]


def _part(layer, condition, channels):
  """Computes these channels of what a layer makes of a condition.

  A dense layer itself is narrowed: to choose among what it computed is an operation that XNNPACK does not take, and one in
  the middle of the graph cuts what enters the sparse path off from it.
  """
  if not isinstance(layer, Dense):
    return tf.gather(layer(condition), channels, axis=1)
  with tf.init_scope():  # weights are read, not traced
    narrow = _conv(layer).take_outputs(channels)
  return tf.matmul(condition, narrow.kernel) + narrow.bias


@dataclasses.dataclass(frozen=True)
class Conv:
  """A convolution with SAME padding: kernel [k, k, C_in, C_out], bias [C_out]."""

  kernel: np.ndarray
  bias: np.ndarray

  def take_inputs(self, channels: np.ndarray) -> 'Conv':
    return Conv(self.kernel[:, :, channels], self.bias)

  def take_outputs(self, channels: np.ndarray) -> 'Conv':
    return Conv(self.kernel[..., channels], self.bias[channels])

  def padded(self, count: int) -> 'Conv':
    """Returns one that is given more inputs, and does not read them."""
    return Conv(np.swapaxes(_padded(np.swapaxes(self.kernel, 0, 2), count), 0, 2), self.bias)


@dataclasses.dataclass(frozen=True)
class Block:
  """x -> conv2(relu(norm2(conv1(up(relu(norm1(x))))))) + up(shortcut(x)). norm2 is None where it is folded into conv1.

  norm1 and conv1 may have fewer channels than x: they take the first ones.
  """

  name: str
  norm1: Affine | ConditionalAffine
  conv1: Conv
  norm2: ConditionalAffine | None
  conv2: Conv
  shortcut: Conv


@dataclasses.dataclass(frozen=True)
class ResidualGenerator:
  """(latents [N, latent_size], labels [N]) -> project [N, h, w, C] -> blocks -> norm, ReLU, to_rgb, tanh.

  Attributes:
    network: what was read; computes the conditions, and attention where there is any.
    kernel, bias: of the dense layer, [F, h, w, C] and [h, w, C].
    blocks: each doubles the resolution.
    norm, to_rgb: the end.
  """

  network: keras.Model
  kernel: np.ndarray
  bias: np.ndarray
  blocks: Sequence[Block]
  norm: Affine
  to_rgb: Conv


def is_residual(generator: keras.Model) -> bool:
  """Tells whether `read` can read it."""
  return bool(getattr(generator, 'blocks', None)) and all(isinstance(b, GeneratorBlock) for b in generator.blocks)


def read(generator: keras.Model) -> ResidualGenerator:
  """Reads a built generator of residual blocks, with normalizations that follow a convolution folded into it."""
  project = _conv(generator.project)
  shape = generator.first_map[1:]
  return ResidualGenerator(
      generator, project.kernel.reshape(-1, *shape), project.bias.reshape(shape), [_block(b) for b in generator.blocks],
      affine(generator.norm), _conv(generator.to_rgb))


def affine(norm: keras.layers.BatchNormalization) -> Affine:
  """Returns gamma / sqrt(variance + epsilon) and beta - mean * that; without gamma and beta, 1 and 0 in their place."""
  gamma, beta = (1, 0) if norm.gamma is None else (norm.gamma.numpy(), norm.beta.numpy())
  scale = gamma / np.sqrt(norm.moving_variance.numpy() + norm.epsilon)
  return Affine(scale, beta - norm.moving_mean.numpy() * scale)


def _padded(array, count):
  """Puts zeros behind an array along its first axis."""
  return np.concatenate([array, np.zeros([count - len(array), *array.shape[1:]], array.dtype)])


def fold(conv: Conv, after: Affine) -> Conv:
  """Makes one convolution of a convolution and the affine map after it."""
  return Conv(conv.kernel * after.scale, conv.bias * after.scale + after.offset)


def _conv(layer):
  kernel = layer.kernel if layer.kernel_normalizer is None else layer.kernel_normalizer(layer.kernel, training=False)
  return Conv(kernel.numpy(), np.zeros(kernel.shape[-1], np.float32) if layer.bias is None else layer.bias.numpy())


def _norm(layer):
  if isinstance(layer, ConditionalBatchNorm):
    fixed = affine(layer.norm)
    return ConditionalAffine(layer, fixed, np.arange(fixed.scale.size))
  return affine(layer)


def _block(block):
  conv1, norm2 = _conv(block.conv1), _norm(block.norm2)
  if isinstance(norm2, Affine):
    conv1, norm2 = fold(conv1, norm2), None
  return Block(block.name, _norm(block.norm1), conv1, norm2, _conv(block.conv2), _conv(block.shortcut))
