"""CycleGAN's translator and its patch discriminator (Zhu et al., 2017, https://arxiv.org/abs/1703.10593, Appendix 7.2).

Sizes and normalizations are those of the lottery tickets' code: at width 64 the translator with nine blocks has 11,383,555
parameters, the discriminator 2,766,529. Both take images of any size that fits. Biases that an instance normalization takes
away again keep their first values.
"""

from collections.abc import Mapping
import types

import numpy as np
import tensorflow as tf

from tf_stugan import compat
from tf_stugan import errors
from tf_stugan.compat import keras
from tf_stugan.layers.style import LayerStyle
from tf_stugan.models import narrowing

_LEAST_TRANSLATED = 8  # pixels; a quarter of them is 2, the least of which one can be mirrored
_LEAST_JUDGED = 24  # pixels; they make one score


class TranslatorBlock(keras.layers.Layer):
  """x [N, H, W, C] -> x + conv3-norm-ReLU-conv3-norm(x); the second normalization is not affine.

  Args:
    channels: C.
    style: of the layers.
    name: of the layer.
    hidden: channels between the convolutions; None for C.
  """

  def __init__(self, channels: int, style: LayerStyle, name: str, hidden: int | None = None):
    super().__init__(name=name)
    self.conv1 = style.padded_conv(hidden or channels, 'conv1', reflect=True)
    self.norm1 = style.instance_norm('norm1')
    self.conv2 = style.padded_conv(channels, 'conv2', reflect=True)
    self.norm2 = style.instance_norm('norm2', affine=False)
    self.conv1.void_bias = self.conv2.void_bias = True

  def call(self, x, training=False):
    h = tf.nn.relu(self.norm1(self.conv1(x, training=training)))
    return x + self.norm2(self.conv2(h, training=training))


class Translator(keras.Model):
  """Images [N, H, W, image_channels] in [-1, 1] -> images of the same shape, also in [-1, 1]. Labels are ignored.

  A 7 x 7 convolution, two that halve the resolution, residual blocks at a quarter of it, two transposed convolutions, and a
  7 x 7 convolution; borders are mirrored at full resolution and in the blocks, and 0 between.

  Args:
    width: channels at full resolution; four times as many in the blocks.
    style: of the layers.
    num_blocks: residual blocks; 9 at 256 pixels, 6 at 128, in the original code.
    image_channels: 3, or 1 for grey images.
    channels: how many channels the affine normalizations have that are not to have all: 'stem_norm', 'down1_norm',
      'block1/norm1', ..., 'up1_norm', 'up2_norm'. The residual path keeps its width.
    name: of the network.

  Attributes:
    full_channels: how many each of them has without `channels`.

  Raises:
    UserError: `channels` names no such normalization, or more channels than it has; or when it is called with images that
      have other channels, or whose sides are not multiples of 4, at least 8.
  """

  num_classes = 0

  def __init__(self, width: int, style: LayerStyle, num_blocks: int = 9, image_channels: int = 3,
               channels: Mapping[str, int] | None = None, name: str = 'generator'):
    super().__init__(name=name)
    errors.check_counts(self, width=width, image_channels=image_channels)
    errors.check_counts(self, 0, num_blocks=num_blocks)
    self.width = width
    self.image_channels = image_channels
    full = {
        'stem_norm': width, 'down1_norm': 2 * width, **{f'block{i}/norm1': 4 * width for i in range(1, num_blocks + 1)},
        'up1_norm': 2 * width, 'up2_norm': width}
    self.full_channels = types.MappingProxyType(full)  # Keras would keep track of a dict
    channels = narrowing.widths(full, channels)
    self.down = [style.padded_conv(channels['stem_norm'], 'stem', kernel_size=7, reflect=True),
                 style.padded_conv(channels['down1_norm'], 'down1', stride=2),
                 style.padded_conv(4 * width, 'down2', stride=2)]
    self.down_norms = [style.instance_norm('stem_norm'), style.instance_norm('down1_norm'),
                       style.instance_norm('down2_norm', affine=False)]
    self.blocks = [TranslatorBlock(4 * width, style, f'block{i}', channels[f'block{i}/norm1'])
                   for i in range(1, num_blocks + 1)]
    self.up = [style.conv_transpose(channels[f'{name}_norm'], name, kernel_size=3) for name in ('up1', 'up2')]
    self.up_norms = [style.instance_norm('up1_norm'), style.instance_norm('up2_norm')]
    for conv in (*self.down, *self.up):
      conv.void_bias = True
    self.to_rgb = style.padded_conv(image_channels, 'to_rgb', kernel_size=7, reflect=True)

  def __call__(self, images, *args, **kwargs):
    self._check(*images.shape[1:])  # here, since Keras writes a page around what is raised in `call`
    return super().__call__(images, *args, **kwargs)

  def _check(self, height, width, channels):
    if channels != self.image_channels or any(side and (side % 4 or side < _LEAST_TRANSLATED) for side in (height, width)):
      raise errors.UserError(
          f'The {self.name} translates images of {self.image_channels} channels whose sides are multiples of 4, at least '
          f'{_LEAST_TRANSLATED}; these are {(height, width, channels)}. Set IMAGE_CHANNELS and IMAGE_RESOLUTION.')

  def call(self, images, labels=None, training=False):
    del labels
    x = _normalized(images, self.down, self.down_norms, tf.nn.relu, training)
    for block in self.blocks:
      x = block(x, training=training)
    x = _normalized(x, self.up, self.up_norms, tf.nn.relu, training)
    return tf.tanh(tf.cast(self.to_rgb(x, training=training), tf.float32))

  def orders(self, kept: Mapping[str, np.ndarray]) -> dict[str, narrowing.Order]:
    """Tells which channels of the network of full width this one has; as `resnet.Generator.orders`."""
    result = {norm: narrowing.Order(None, channels) for norm, channels in kept.items()}
    for chain in (('stem', 'down1', 'down2'), *((f'{b.name}/conv1', f'{b.name}/conv2') for b in self.blocks),
                  ('up1', 'up2', 'to_rgb')):
      inputs = None
      for layer in chain:
        outputs = kept.get(f'{layer}_norm') if '/' not in layer else kept.get(layer.replace('conv', 'norm'))
        result[layer] = narrowing.Order(inputs, outputs)
        inputs = outputs
    return result


class PatchDiscriminator(keras.Model):
  """Images [N, H, W, C] -> scores float32 [N, h, w, 1] of overlapping patches, 70 x 70 pixels each; labels are ignored.

  Three 4 x 4 convolutions with stride 2 and two with stride 1, one pixel of zeros around each, leaky ReLUs of slope 0.2: at
  256 pixels h = w = 30. A game takes the scores one by one, or their mean over an image.

  Args:
    width: channels of the first convolution; eight times as many of the last but one.
    style: of the layers.
    name: of the network.

  Raises:
    UserError: when it is called with images that have a side below 24 pixels.
  """

  def __init__(self, width: int, style: LayerStyle, name: str = 'discriminator'):
    super().__init__(name=name)
    errors.check_counts(self, width=width)
    self.width = width
    self.stem = style.padded_conv(width, 'stem', kernel_size=4, stride=2)
    self.convs = [style.padded_conv(multiplier * width, f'conv{i}', kernel_size=4, stride=stride)
                  for i, (multiplier, stride) in enumerate([(2, 2), (4, 2), (8, 1)], 1)]
    self.norms = [style.instance_norm(f'norm{i}') for i in range(1, 4)]
    for conv in self.convs:
      conv.void_bias = True
    with compat.precision('float32'):  # as in `layers.heads`
      self.scores = style.padded_conv(1, 'scores', kernel_size=4)

  def __call__(self, images, *args, **kwargs):
    if any(side and side < _LEAST_JUDGED for side in images.shape[1:3]):
      raise errors.UserError(
          f'The {self.name} judges images of at least {_LEAST_JUDGED} x {_LEAST_JUDGED} pixels; these have '
          f'{images.shape[1]} x {images.shape[2]}. Set IMAGE_RESOLUTION.')
    return super().__call__(images, *args, **kwargs)

  def call(self, images, labels=None, training=False):
    del labels
    x = _leaky_relu(self.stem(images, training=training))
    x = _normalized(x, self.convs, self.norms, _leaky_relu, training)
    return self.scores(x, training=training)


def _normalized(x, convs, norms, activation, training):
  """Returns x after convolutions that are each normalized and activated."""
  for conv, norm in zip(convs, norms, strict=True):
    x = activation(norm(conv(x, training=training)))
  return x


def _leaky_relu(x):
  return tf.nn.leaky_relu(x, 0.2)
