"""The same arrays as an ordinary graph: what a sparse generator costs if the runtime does not know that it is sparse."""

import tensorflow as tf

from tf_stugan.export import upsampling
from tf_stugan.export.residual import Affine
from tf_stugan.export.residual import Block
from tf_stugan.export.residual import ConditionalAffine
from tf_stugan.export.residual import Conv
from tf_stugan.export.residual import ResidualGenerator
from tf_stugan.export.upsampling import UpsampleConv
from tf_stugan.layers import resampling
from tf_stugan.layers.blocks import first_channels


def images(generator: ResidualGenerator, latents: tf.Tensor, labels: tf.Tensor | None = None,
           upsample_conv: UpsampleConv = upsampling.phases) -> tf.Tensor:
  """Computes images [N, H, W, image_channels] of latents [N, latent_size] (and labels [N]).

  `upsample_conv` is one of `upsampling.FORMS`; that in phases was the fastest in each runtime and precision that was timed.
  """
  latents, conditions = generator.network.conditions(latents, labels)
  _, h, w, c = generator.kernel.shape
  with tf.name_scope('project'):
    x = tf.matmul(latents, generator.kernel.reshape(-1, h * w * c)) + generator.bias.reshape(-1)
    x = tf.reshape(x, [-1, h, w, c])
  for i, (block, condition) in enumerate(zip(generator.blocks, conditions, strict=True), 1):
    with tf.name_scope(block.name):
      x = residual_block(x, block, condition, upsample_conv)
    if i == generator.network.attention_after:
      x = generator.network.attention(x)
  with tf.name_scope('norm'):
    x = _norm_relu(first_channels(x, generator.to_rgb.kernel.shape[2]), generator.norm)
  with tf.name_scope('to_rgb'):
    return tf.tanh(_conv(x, generator.to_rgb))


def residual_block(x: tf.Tensor, block: Block, condition: tf.Tensor | None = None,
                   upsample_conv: UpsampleConv = upsampling.phases) -> tf.Tensor:
  """Computes a block: [N, h, w, C_in] -> [N, 2h, 2w, C_out]."""
  with tf.name_scope('norm1'):
    h = _norm_relu(first_channels(x, block.conv1.kernel.shape[2]), block.norm1, condition)
  with tf.name_scope('conv1'):
    h = tf.nn.bias_add(upsample_conv(h, block.conv1.kernel), block.conv1.bias)
    h = tf.nn.relu(h) if block.norm2 is None else _norm_relu(h, block.norm2, condition)
  with tf.name_scope('conv2'):
    h = _conv(h, block.conv2)
  with tf.name_scope('shortcut'):
    return h + upsampling.upsample(_conv(x, block.shortcut))


def _norm_relu(x: tf.Tensor, norm: Affine | ConditionalAffine, condition: tf.Tensor | None = None) -> tf.Tensor:
  scale, offset = (norm.scale, norm.offset) if isinstance(norm, Affine) else norm.of(condition)
  return tf.nn.relu(x * scale + offset)


def _conv(x: tf.Tensor, conv: Conv) -> tf.Tensor:
  return tf.nn.bias_add(resampling.conv(x, conv.kernel), conv.bias)
