"""Residual blocks of the SNGAN family (Miyato et al., 2018, Appendix B)."""

import tensorflow as tf

from tf_stugan.compat import keras
from tf_stugan.layers import normalization
from tf_stugan.layers import resampling
from tf_stugan.layers.prunable import Conv2D


class GeneratorBlock(keras.layers.Layer):
  """[N, H, W, C_in] -> [N, 2H, 2W, channels]: BN-ReLU-up-conv3-BN-ReLU-conv3, plus up-conv1."""

  def __init__(self, channels: int, name: str, **kwargs):
    super().__init__(name=name, **kwargs)
    self.norm1 = normalization.batch_norm('norm1')
    self.conv1 = Conv2D(channels, resample='up', name='conv1')
    self.norm2 = normalization.batch_norm('norm2')
    self.conv2 = Conv2D(channels, name='conv2')
    self.shortcut = Conv2D(channels, kernel_size=1, resample='up', name='shortcut')

  def call(self, x, training=False):
    h = tf.nn.relu(self.norm1(x, training=training))
    h = tf.nn.relu(self.norm2(self.conv1(h), training=training))
    return self.conv2(h) + self.shortcut(x)


class DiscriminatorStem(keras.layers.Layer):
  """The first block, on images: conv3-ReLU-conv3-pool, plus pool-conv1. [N, H, W, 3] -> [N, H/2, W/2, channels]."""

  def __init__(self, channels: int, normalizer, name: str, **kwargs):
    super().__init__(name=name, **kwargs)
    self.conv1 = Conv2D(channels, kernel_normalizer=normalizer, name='conv1')
    self.conv2 = Conv2D(channels, resample='down', kernel_normalizer=normalizer, name='conv2')
    self.shortcut = Conv2D(channels, kernel_size=1, kernel_normalizer=normalizer, name='shortcut')

  def call(self, x, training=False):
    h = tf.nn.relu(self.conv1(x, training=training))
    h = self.conv2(h, training=training)
    return h + self.shortcut(resampling.average_pool(x), training=training)


class DiscriminatorBlock(keras.layers.Layer):
  """ReLU-conv3-ReLU-conv3[-pool], plus x or, where the block pools or widens, conv1[-pool]."""

  def __init__(self, channels: int, normalizer, name: str, downsample: bool = False, **kwargs):
    super().__init__(name=name, **kwargs)
    resample = 'down' if downsample else None
    self.conv1 = Conv2D(channels, kernel_normalizer=normalizer, name='conv1')
    self.conv2 = Conv2D(channels, resample=resample, kernel_normalizer=normalizer, name='conv2')
    self.shortcut = None
    if downsample:
      self.shortcut = Conv2D(
          channels, kernel_size=1, resample=resample, kernel_normalizer=normalizer, name='shortcut')

  def call(self, x, training=False):
    h = self.conv1(tf.nn.relu(x), training=training)
    h = self.conv2(tf.nn.relu(h), training=training)
    return h + (x if self.shortcut is None else self.shortcut(x, training=training))
