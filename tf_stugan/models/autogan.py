"""AutoGAN's generators for 32 x 32 images (Gong et al., 2019, https://arxiv.org/abs/1908.03835): three searched cells.

The discriminator is SNGAN's. At width 256 A, B and C have 4,405,251, 4,471,043 and 4,406,275 parameters.
"""

from collections.abc import Sequence
import dataclasses

import tensorflow as tf

from tf_stugan import errors
from tf_stugan.compat import keras
from tf_stugan.layers import normalization
from tf_stugan.layers import resampling
from tf_stugan.layers.style import LayerStyle


@dataclasses.dataclass(frozen=True)
class CellPlan:
  """What the search decided about one cell.

  Attributes:
    bilinear: upsample between pixels; otherwise nearest.
    shortcut: add conv1(up(x)) at the end.
    skips: how many earlier cells feed this one.
    batch_norm: normalize before the two ReLUs.
  """

  bilinear: bool = False
  shortcut: bool = True
  skips: int = 0
  batch_norm: bool = False


class Cell(keras.layers.Layer):
  """x [N, H, W, C], features of earlier cells -> ([N, 2H, 2W, channels], this cell's own feature).

  [norm]-ReLU-up-conv3 and, for each earlier cell, conv1 of its feature brought to this size make the feature;
  [norm]-ReLU-conv3 and the shortcut make the output. `normalized`: whether a shift of an output channel changes nothing
  that follows, see `Conv2D.void_bias`.
  """

  def __init__(self, channels: int, plan: CellPlan, style: LayerStyle, name: str, normalized: bool = False):
    super().__init__(name=name)
    make_norm = style.batch_norm if plan.batch_norm else normalization.no_norm
    self.bilinear = plan.bilinear
    self.norm1 = make_norm('norm1')
    self.conv1 = style.conv(channels, 'conv1')
    self.skips = [style.conv(channels, f'skip{i}', kernel_size=1) for i in range(1, plan.skips + 1)]
    self.norm2 = make_norm('norm2')
    self.conv2 = style.conv(channels, 'conv2')
    self.shortcut = style.conv(channels, 'shortcut', kernel_size=1) if plan.shortcut else None
    self.conv2.void_bias = normalized
    if self.shortcut is not None:
      self.shortcut.void_bias = normalized

  def _resized(self, x, factor):
    return resampling.upsample_bilinear(x, factor) if self.bilinear else resampling.upsample_nearest(x, factor)

  def call(self, x, features, training=False):
    h = self._resized(tf.nn.relu(self.norm1(x, training=training)), 2)
    feature = self.conv1(h, training=training)
    for conv, earlier in zip(self.skips, features, strict=True):
      feature += conv(self._resized(earlier, feature.shape[1] // earlier.shape[1]), training=training)
    h = self.conv2(tf.nn.relu(self.norm2(feature, training=training)), training=training)
    return h if self.shortcut is None else h + self.shortcut(self._resized(x, 2), training=training), feature


class Generator(keras.Model):
  """Latents [N, latent_size] -> images [N, 32, 32, image_channels] in [-1, 1].

  Args:
    width: channels of every cell.
    cells: plans of the three cells.
    style: of the layers.
    latent_size: length of a latent.
    image_channels: 3, or 1 for grey images.
    name: of the network.
  """

  num_classes = 0

  def __init__(self, width: int, cells: Sequence[CellPlan], style: LayerStyle, latent_size: int = 128,
               image_channels: int = 3, name: str = 'generator'):
    super().__init__(name=name)
    errors.check_counts(self, width=width, latent_size=latent_size, image_channels=image_channels)
    self.width = width
    self.latent_size = latent_size
    self.first_map = [-1, 4, 4, width]
    self.project = style.dense(4 * 4 * width, 'project')
    self.cells = [Cell(width, plan, style, f'cell{i}', normalized=i == len(cells)) for i, plan in enumerate(cells, 1)]
    self.norm = style.batch_norm('norm')
    self.to_rgb = style.conv(image_channels, 'to_rgb')

  def call(self, latents, labels=None, training=False):
    del labels
    x, features = tf.reshape(self.project(latents, training=training), self.first_map), []
    for cell in self.cells:
      x, feature = cell(x, features[:len(cell.skips)], training=training)
      features.append(feature)
    x = tf.nn.relu(self.norm(x, training=training))
    return tf.tanh(tf.cast(self.to_rgb(x, training=training), tf.float32))
