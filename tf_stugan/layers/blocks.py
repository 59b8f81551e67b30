"""Residual blocks of the SNGAN family (Miyato et al., 2018, Appendix B), as BigGAN uses them, too."""

from collections.abc import Callable

import tensorflow as tf

from tf_stugan.compat import keras
from tf_stugan.layers import normalization
from tf_stugan.layers import resampling
from tf_stugan.layers.style import LayerStyle

NormFn = Callable[[str], keras.layers.Layer]  # name -> layer, called with (x, condition)


def first_channels(x: tf.Tensor, count: int | None) -> tf.Tensor:
  """Returns the first channels of x [N, H, W, C], or x itself where these are all."""
  return x if count in (None, x.shape[-1]) else x[..., :count]


class GeneratorBlock(keras.layers.Layer):
  """[N, H, W, C_in] -> [N, 2H, 2W, channels]: norm-ReLU-up-conv3-norm-ReLU-conv3, plus up-conv1.

  Args:
    channels: of the output.
    style: of the convolutions.
    make_norm: makes the two normalizations; with a `ConditionalBatchNorm` the block needs a condition.
    name: of the layer.
    normalized: whether a shift of an output channel changes nothing that follows, see `Conv2D.void_bias`.
    hidden: channels between the convolutions; None for as many as the output has.
    read: how many channels of x, the first ones, the way through the convolutions sees; None for all. The shortcut sees
      all of them.
  """

  def __init__(self, channels: int, style: LayerStyle, make_norm: NormFn, name: str, normalized: bool = False,
               hidden: int | None = None, read: int | None = None):
    super().__init__(name=name)
    self.read = read
    self.norm1 = make_norm('norm1')
    self.conv1 = style.conv(hidden or channels, 'conv1', resample='up')
    self.norm2 = make_norm('norm2')
    self.conv2 = style.conv(channels, 'conv2')
    self.shortcut = style.conv(channels, 'shortcut', kernel_size=1, resample='up')
    self.conv1.void_bias = True
    self.conv2.void_bias = self.shortcut.void_bias = normalized

  def call(self, x, condition=None, training=False):
    h = tf.nn.relu(self.norm1(first_channels(x, self.read), condition, training=training))
    h = self.conv1(h, training=training)
    h = tf.nn.relu(self.norm2(h, condition, training=training))
    return self.conv2(h, training=training) + self.shortcut(x, training=training)


class DiscriminatorStem(keras.layers.Layer):
  """The first block, on images: conv3-[norm]-ReLU-conv3-pool, plus pool-[norm]-conv1; halves height and width.

  Args:
    channels: of the output and of the map between the convolutions.
    style: of the convolutions.
    batch_norm: normalize where the brackets are.
    name: of the layer.
    normalized: whether a shift of an output channel changes nothing that follows, see `Conv2D.void_bias`.
  """

  def __init__(self, channels: int, style: LayerStyle, batch_norm: bool, name: str, normalized: bool = False):
    super().__init__(name=name)
    make_norm = style.batch_norm if batch_norm else normalization.no_norm
    self.conv1 = style.conv(channels, 'conv1')
    self.norm2 = make_norm('norm2')
    self.conv2 = style.conv(channels, 'conv2', resample='down')
    self.norm_shortcut = make_norm('norm_shortcut')
    self.shortcut = style.conv(channels, 'shortcut', kernel_size=1)
    self.conv1.void_bias = batch_norm
    self.conv2.void_bias = self.shortcut.void_bias = normalized

  def call(self, x, training=False):
    h = tf.nn.relu(self.norm2(self.conv1(x, training=training), training=training))
    h = self.conv2(h, training=training)
    x = self.norm_shortcut(resampling.average_pool(x), training=training)
    return h + self.shortcut(x, training=training)


class DiscriminatorBlock(keras.layers.Layer):
  """[norm]-ReLU-conv3-[norm]-ReLU-conv3[-pool], plus x or, where the block pools or widens, [norm]-conv1[-pool].

  Args:
    channels: of the output and of the map between the convolutions.
    style: of the convolutions.
    batch_norm: normalize where the brackets are.
    name: of the layer.
    downsample: pool 2 x 2.
    widen: whether the input has another number of channels.
    normalized: whether a shift of an output channel changes nothing that follows, see `Conv2D.void_bias`.
    rectified_shortcut: the other way takes relu(x), too: what an in-place ReLU leaves of x. Without `batch_norm` only.
  """

  def __init__(self, channels: int, style: LayerStyle, batch_norm: bool, name: str, downsample: bool = False,
               widen: bool = False, normalized: bool = False, rectified_shortcut: bool = False):
    super().__init__(name=name)
    self.rectified_shortcut = rectified_shortcut
    resample = 'down' if downsample else None
    make_norm = style.batch_norm if batch_norm else normalization.no_norm
    self.norm1 = make_norm('norm1')
    self.conv1 = style.conv(channels, 'conv1')
    self.norm2 = make_norm('norm2')
    self.conv2 = style.conv(channels, 'conv2', resample=resample)
    self.conv1.void_bias, self.conv2.void_bias = batch_norm, normalized
    self.shortcut = None
    if downsample or widen:
      self.norm_shortcut = make_norm('norm_shortcut')
      self.shortcut = style.conv(channels, 'shortcut', kernel_size=1, resample=resample)
      self.shortcut.void_bias = normalized

  def call(self, x, training=False):
    rectified = tf.nn.relu(self.norm1(x, training=training))
    h = self.conv1(rectified, training=training)
    h = self.conv2(tf.nn.relu(self.norm2(h, training=training)), training=training)
    x = rectified if self.rectified_shortcut else x
    if self.shortcut is None:
      return h + x
    return h + self.shortcut(self.norm_shortcut(x, training=training), training=training)
