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

import tensorflow as tf

from tf_stugan.export import cluster
from tf_stugan.export import entry
from tf_stugan.export.phases import NO_SHIFT
from tf_stugan.export.residual import Affine
from tf_stugan.export.residual import Block
from tf_stugan.export.residual import ConditionalAffine
from tf_stugan.export.residual import ResidualGenerator

# Phases of 64 pixels are multiplied as fast as larger ones and shifted less often; smaller ones, and more than 4 x 4, make
# more operations than they save.
_ENOUGH_PIXELS = 64
_ENOUGH_PHASES = 4


def images(generator: ResidualGenerator, latents: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
  """Computes images [1, H, W, image_channels] of latents [1, latent_size] (and labels [1])."""
  with tf.name_scope('project'):
    first, conditions = generator.network.conditions(latents, labels)
    x = {NO_SHIFT: entry.enter(tf.tensordot(first, generator.kernel, 1) + generator.bias)}
    zero = tf.reshape(latents[:, :1] * 0.0, [1, 1, 1, 1])
  for i, (block, condition) in enumerate(zip(generator.blocks, conditions, strict=True), 1):
    with tf.name_scope(block.name):
      x = residual_block(x, block, condition)
    if i == generator.network.attention_after:
      x = {NO_SHIFT: entry.enter(generator.network.attention(cluster.leave(x)))}
    elif i < len(generator.blocks) and not _is_well_split(x):
      size = [2 * side for side in x[NO_SHIFT].shape[1:3]]
      x = cluster.interleave(x, cluster.even_places(size, zero))
  with tf.name_scope('norm'):
    x = {phase: cluster.affine_relu(y, generator.norm.scale, generator.norm.offset) for phase, y in x.items()}
  with tf.name_scope('to_rgb'):
    return tf.tanh(cluster.convolve_and_leave(x, generator.to_rgb.kernel, generator.to_rgb.bias))


def _is_well_split(x: cluster.Phases) -> bool:
  """Tells whether the next block had better take the phases as they are than as fewer and larger ones."""
  _, height, width, _ = x[NO_SHIFT].shape
  return height * width >= _ENOUGH_PIXELS and len(x) <= _ENOUGH_PHASES


def residual_block(x: cluster.Phases, block: Block, condition: tf.Tensor | None = None) -> cluster.Phases:
  """Computes a block: n x n phases [1, h, w, C_in] -> 2n x 2n phases [1, h, w, C_out]."""
  count = 2 * cluster.phases_each_way(x)
  with tf.name_scope('norm1'):
    width = x[NO_SHIFT].shape[-1]  # a slice would end the sparse path; zeros cost nothing on it
    h = _norm_relu(x, block.norm1.padded(width), condition)
  with tf.name_scope('conv1'):
    h = cluster.convolution(h, block.conv1.padded(width).kernel, block.conv1.bias, count)
    h = _norm_relu(h, block.norm2, condition)
  with tf.name_scope('conv2'):
    h = cluster.convolution(h, block.conv2.kernel, block.conv2.bias + block.shortcut.bias, count)
  with tf.name_scope('shortcut'):
    shortcut = {phase: cluster.product(y, block.shortcut.kernel[0, 0]) for phase, y in x.items()}
    return {(a, b): y + shortcut[a // 2, b // 2] for (a, b), y in h.items()}


def _norm_relu(x: cluster.Phases, norm: Affine | ConditionalAffine | None, condition: tf.Tensor | None) -> cluster.Phases:
  if norm is None:  # folded into what came before
    return {phase: tf.nn.relu(y) for phase, y in x.items()}
  if isinstance(norm, Affine):
    return {phase: cluster.affine_relu(y, norm.scale, norm.offset) for phase, y in x.items()}
  scale, offset = (entry.enter(part) for part in norm.of(condition))
  return {phase: tf.nn.relu(y * scale + offset) for phase, y in x.items()}
