"""A sparse generator, lowered so that a stock runtime multiplies by its nonzero weights only.

No generator enters XNNPACK's sparse inference as it is: 3 x 3 convolutions and nearest upsampling are not allowed there. The
lowering computes exactly the same function from operations that are (see `cluster`), in passes:

* fold: normalizations behind a convolution become its weights and bias (`residual.read`);
* dead channels are removed (`dead_channels.remove`);
* decompose: 3 x 3 convolutions become sums of 1 x 1 products and shifts, in phases, so that upsampling is free (`phases`);
* commute: the shortcut's 1 x 1 convolution is applied before the upsampling;
* enter and leave: the dense layer's map is laid out for the entry (`entry`), the last phases leave as an image.

Scales and offsets that depend on the class enter beside the map and are multiplied and added there. Self-attention does not
fit: the map leaves for it and enters again.
"""

from collections.abc import Iterable

import tensorflow as tf

from tf_stugan.export import cluster
from tf_stugan.export import entry
from tf_stugan.export.phases import NO_SHIFT
from tf_stugan.export.residual import Affine
from tf_stugan.export.residual import Block
from tf_stugan.export.residual import ConditionalAffine
from tf_stugan.export.residual import ResidualGenerator


def images(generator: ResidualGenerator, latents: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
  """Computes images [1, H, W, image_channels] of latents [1, latent_size] (and labels [1])."""
  with tf.name_scope('project'):
    first, conditions = generator.network.conditions(latents, labels)
    x = entry.enter(tf.tensordot(first, generator.kernel, 1) + generator.bias)
    zero = tf.reshape(latents[:, :1] * 0.0, [1, 1, 1, 1])
  for i, (block, condition) in enumerate(zip(generator.blocks, conditions, strict=True), 1):
    with tf.name_scope(block.name):
      phases = residual_block(x, block, condition)
    if i == generator.network.attention_after:
      x = entry.enter(generator.network.attention(cluster.leave(phases)))
      phases = None
    elif i < len(generator.blocks):
      size = [2 * side for side in phases[NO_SHIFT].shape[1:3]]
      x = cluster.interleave(phases, cluster.even_places(size, zero))
  with tf.name_scope('norm'):
    phases = {phase: cluster.affine_relu(y, generator.norm.scale, generator.norm.offset) for phase, y in phases.items()}
  with tf.name_scope('to_rgb'):
    phases = cluster.convolution(phases, generator.to_rgb.kernel, generator.to_rgb.bias, 2)
    return tf.tanh(cluster.leave(phases))


def residual_block(x: tf.Tensor, block: Block, condition: tf.Tensor | None = None) -> cluster.Phases:
  """Computes a block: [1, h, w, C_in] -> the four phases of [1, 2h, 2w, C_out]."""
  with tf.name_scope('norm1'):
    width = x.shape[-1]  # a slice would end the sparse path; zeros cost nothing on it
    h, = _norm_relu([x], block.norm1.padded(width), condition)
  with tf.name_scope('conv1'):
    h = cluster.convolution({NO_SHIFT: h}, block.conv1.padded(width).kernel, block.conv1.bias, 2)
    h = dict(zip(h, _norm_relu(h.values(), block.norm2, condition), strict=True))
  with tf.name_scope('conv2'):
    h = cluster.convolution(h, block.conv2.kernel, block.conv2.bias + block.shortcut.bias, 2)
  with tf.name_scope('shortcut'):
    shortcut = cluster.product(x, block.shortcut.kernel[0, 0])
    return {phase: y + shortcut for phase, y in h.items()}


def _norm_relu(maps: Iterable[tf.Tensor], norm: Affine | ConditionalAffine | None, condition: tf.Tensor | None):
  if norm is None:  # folded into what came before
    return [tf.nn.relu(x) for x in maps]
  if isinstance(norm, Affine):
    return [cluster.affine_relu(x, norm.scale, norm.offset) for x in maps]
  scale, offset = (entry.enter(part) for part in norm.of(condition))
  return [tf.nn.relu(x * scale + offset) for x in maps]
