"""The same arrays as an ordinary graph: what a sparse generator costs if the runtime does not know that it is sparse."""

import tensorflow as tf

from tf_stugan.export.residual import Block
from tf_stugan.export.residual import Conv
from tf_stugan.export.residual import ResidualGenerator
from tf_stugan.layers import resampling


def images(generator: ResidualGenerator, latents: tf.Tensor) -> tf.Tensor:
  """latents [N, latent_size] -> images [N, H, W, image_channels]."""
  _, h, w, c = generator.kernel.shape
  with tf.name_scope('project'):
    x = tf.matmul(latents, generator.kernel.reshape(-1, h * w * c)) + generator.bias.reshape(-1)
    x = tf.reshape(x, [-1, h, w, c])
  for block in generator.blocks:
    with tf.name_scope(block.name):
      x = residual_block(x, block)
  with tf.name_scope('norm'):
    x = tf.nn.relu(x * generator.norm.scale + generator.norm.offset)
  with tf.name_scope('to_rgb'):
    return tf.tanh(_conv(x, generator.to_rgb))


def residual_block(x: tf.Tensor, block: Block) -> tf.Tensor:
  """[N, h, w, C_in] -> [N, 2h, 2w, C_out]."""
  with tf.name_scope('norm1'):
    h = tf.nn.relu(x * block.norm1.scale + block.norm1.offset)
  with tf.name_scope('conv1'):
    h = tf.nn.relu(tf.nn.bias_add(resampling.upsample_conv(h, block.conv1.kernel), block.conv1.bias))
  with tf.name_scope('conv2'):
    h = _conv(h, block.conv2)
  with tf.name_scope('shortcut'):
    return h + resampling.upsample_nearest(_conv(x, block.shortcut))


def _conv(x: tf.Tensor, conv: Conv) -> tf.Tensor:
  return tf.nn.bias_add(resampling.conv(x, conv.kernel), conv.bias)
