"""A sparse generator, lowered so that a stock runtime multiplies by its nonzero weights only.

No generator enters XNNPACK's sparse inference as it is: 3 x 3 convolutions and nearest upsampling are not allowed there. The
lowering computes exactly the same function from operations that are (see `cluster`), in passes:

* fold: normalizations behind a convolution become its weights and bias (`residual.read`);
* dead channels are removed (`dead_channels.remove`);
* decompose: 3 x 3 convolutions become sums of 1 x 1 products and shifts, in phases, so that upsampling is free (`phases`);
* commute: the shortcut's 1 x 1 convolution is applied before the upsampling;
* enter and leave: the dense layer's columns are laid out for the entry (`entry`), the last phases leave as an image.
"""

import tensorflow as tf

from tf_stugan.export import cluster
from tf_stugan.export import entry
from tf_stugan.export.phases import NO_SHIFT
from tf_stugan.export.residual import Block
from tf_stugan.export.residual import ResidualGenerator


def images(generator: ResidualGenerator, latents: tf.Tensor) -> tf.Tensor:
  """latents [1, latent_size] -> images [1, H, W, image_channels]."""
  with tf.name_scope('project'):
    x = entry.enter(latents, entry.lay_out(generator.kernel, generator.bias))
    zero = tf.reshape(latents[:, :1] * 0.0, [1, 1, 1, 1])
  for i, block in enumerate(generator.blocks):
    with tf.name_scope(block.name):
      if i:
        x = cluster.interleave(x, cluster.even_places([2 * side for side in x[NO_SHIFT].shape[1:3]], zero))
      x = residual_block(x, block)
  with tf.name_scope('norm'):
    x = {phase: cluster.affine_relu(y, generator.norm.scale, generator.norm.offset) for phase, y in x.items()}
  with tf.name_scope('to_rgb'):
    x = cluster.convolution(x, generator.to_rgb.kernel, generator.to_rgb.bias, 2)
    return tf.tanh(cluster.leave(x))


def residual_block(x: tf.Tensor, block: Block) -> cluster.Phases:
  """[1, h, w, C_in] -> the four phases of [1, 2h, 2w, C_out]."""
  with tf.name_scope('norm1'):
    h = cluster.affine_relu(x, block.norm1.scale, block.norm1.offset)
  with tf.name_scope('conv1'):
    h = cluster.convolution({NO_SHIFT: h}, block.conv1.kernel, block.conv1.bias, 2)
    h = {phase: tf.nn.relu(y) for phase, y in h.items()}
  with tf.name_scope('conv2'):
    h = cluster.convolution(h, block.conv2.kernel, block.conv2.bias + block.shortcut.bias, 2)
  with tf.name_scope('shortcut'):
    shortcut = cluster.product(x, block.shortcut.kernel[0, 0])
    return {phase: y + shortcut for phase, y in h.items()}
