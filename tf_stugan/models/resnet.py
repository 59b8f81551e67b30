"""Residual GANs: SNGAN, SAGAN and BigGAN, and the conditional and penalized ones that share their layers.

One table of layers, of which each model is a choice: widths, how a class or a part of the latent reaches the BatchNorms,
self-attention, the head, and the `LayerStyle`. The choices are in gin_configs/models/.
"""

from collections.abc import Callable, Mapping, Sequence
import functools
import types

import numpy as np
import tensorflow as tf

from tf_stugan import errors
from tf_stugan.compat import keras
from tf_stugan.layers.attention import SelfAttention
from tf_stugan.layers.blocks import DiscriminatorBlock
from tf_stugan.layers.blocks import DiscriminatorStem
from tf_stugan.layers.blocks import first_channels
from tf_stugan.layers.blocks import GeneratorBlock
from tf_stugan.layers.style import LayerStyle
from tf_stugan.models import narrowing

HeadFn = Callable[[LayerStyle], keras.layers.Layer]


class Generator(keras.Model):
  """Latents [N, latent_size], labels int32 [N] -> images [N, R, R, image_channels] in [-1, 1].

  R is base_resolution doubled by every block. Without classes the labels are ignored. With classes every BatchNorm of the
  blocks is conditional: on the label itself, or (BigGAN, https://arxiv.org/abs/1809.11096, Figure 15) on an embedding that
  all blocks share, joined with the block's own chunk of the latent; the first chunk then goes into the first layer.

  Args:
    width: channels where the multiplier is 1.
    multipliers: channels of the first map and of each block's output, in units of `width`.
    style: of the layers.
    latent_size: length of a latent; with a shared embedding a multiple of the number of blocks + 1.
    image_channels: 3, or 1 for grey images.
    base_resolution: height and width of the first map.
    num_classes: labels are in [0, num_classes); 0 for an unconditional generator.
    shared_embedding: length of the class embedding that all blocks share; 0 gives each BatchNorm tables of its own.
    attention_after: the block (from 1) that self-attention follows; 0 for none.
    channels: how many channels the normalizations have that are not to have all: 'block1/norm2' between the convolutions
      of a block; 'block1/norm1' of its input, where the others go through the shortcut alone; 'norm' before the last
      layer. The residual path keeps its width up to the last block, which puts out what 'norm' has (all, where
      attention follows it).
    name: of the network.

  Attributes:
    full_channels: how many each of the normalizations has without `channels`.

  Raises:
    UserError: the latent cannot be cut into chunks; or `channels` names no normalization, or more channels than it has.
  """

  def __init__(self, width: int, multipliers: Sequence[int], style: LayerStyle, latent_size: int = 128,
               image_channels: int = 3, base_resolution: int = 4, num_classes: int = 0, shared_embedding: int = 0,
               attention_after: int = 0, channels: Mapping[str, int] | None = None, name: str = 'generator'):
    super().__init__(name=name)
    errors.check_counts(
        self, width=width, latent_size=latent_size, image_channels=image_channels, base_resolution=base_resolution)
    errors.check_counts(self, 0, num_classes=num_classes, shared_embedding=shared_embedding)
    self.width = width
    self.latent_size = latent_size
    self.num_classes = num_classes
    self.attention_after = attention_after
    first, *widths = [width * m for m in multipliers]
    self.first_map = [-1, base_resolution, base_resolution, first]
    full = {'norm': [first, *widths][-1]}
    for i, (before, after) in enumerate(zip([first, *widths], widths, strict=False), 1):
      full |= {f'block{i}/norm1': before, f'block{i}/norm2': after}
    self.full_channels = types.MappingProxyType(full)  # Keras would keep track of a dict
    channels = narrowing.widths(full, channels)
    self.read = channels['norm']
    self.embedding = style.embedding(num_classes, shared_embedding, 'embedding') if shared_embedding else None
    if self.embedding and latent_size % len(multipliers):
      raise errors.UserError(
          f'A latent of {latent_size} cannot be cut into {len(multipliers)} equal chunks; set LATENT_SIZE.')
    self.project = style.dense(base_resolution**2 * first, 'project')
    if widths and attention_after < len(widths):
      widths[-1] = self.read  # nothing else looks at what the last block puts out
    make_norm = self._make_norm(style)
    # A shift passes unchanged through shortcuts up to the last norm, but not through attention.
    self.blocks = [
        GeneratorBlock(c, style, make_norm, f'block{i}', i > attention_after, channels[f'block{i}/norm2'],
                       channels[f'block{i}/norm1']) for i, c in enumerate(widths, 1)]
    self.attention = SelfAttention(style) if attention_after else None
    self.norm = style.batch_norm('norm')
    self.to_rgb = style.conv(image_channels, 'to_rgb')

  def _make_norm(self, style):
    if not self.num_classes:
      return style.batch_norm
    if self.embedding:
      projection = functools.partial(style.dense, use_bias=False, prunable=False)
    else:
      projection = functools.partial(style.embedding, self.num_classes)
    return functools.partial(style.conditional_batch_norm, projection)

  def call(self, latents, labels=None, training=False):
    first, conditions = self.conditions(latents, labels)
    x = tf.reshape(self.project(first, training=training), self.first_map)
    for i, (block, condition) in enumerate(zip(self.blocks, conditions, strict=True), 1):
      x = block(x, condition, training=training)
      if i == self.attention_after:
        x = self.attention(x, training=training)
    x = tf.nn.relu(self.norm(first_channels(x, self.read), training=training))
    return tf.tanh(tf.cast(self.to_rgb(x, training=training), tf.float32))

  def orders(self, kept: Mapping[str, np.ndarray]) -> dict[str, narrowing.Order]:
    """Tells which channels of the network of full width this one has, where a normalization keeps but some.

    The residual path is put into another order: what the next block reads comes first. The last block puts out nothing
    that is not read.

    Args:
      kept: by normalization, for each of `full_channels`: the channels, ascending.

    Returns:
      By layer.
    """
    paths = [narrowing.put_first(kept[name], self.full_channels[name])
             for name in (*(f'{block.name}/norm1' for block in self.blocks), 'norm')]
    if self.attention_after < len(self.blocks):
      paths[-1] = kept['norm']
    _, height, width, first = self.first_map
    result = {'project': narrowing.Order(None, (np.arange(height * width)[:, None] * first + paths[0]).reshape(-1)),
              'norm': narrowing.Order(None, kept['norm']), 'to_rgb': narrowing.Order(kept['norm'], None)}
    for block, before, after in zip(self.blocks, paths[:-1], paths[1:], strict=True):
      read, hidden = kept[f'{block.name}/norm1'], kept[f'{block.name}/norm2']
      orders = {'norm1': (None, read), 'conv1': (read, hidden), 'norm2': (None, hidden), 'conv2': (hidden, after),
                'shortcut': (before, after)}
      result |= {f'{block.name}/{layer}': narrowing.Order(*order) for layer, order in orders.items()}
    if self.attention:
      path = paths[self.attention_after]
      result |= {f'attention/{layer}': narrowing.Order(path, None) for layer in ('theta', 'phi', 'g')}
      result['attention/o'] = narrowing.Order(None, path)
    return result

  def conditions(self, latents, labels):
    """Returns what goes into the first layer, and the condition of each block."""
    if self.embedding is None:
      return latents, [labels] * len(self.blocks)
    size = self.latent_size // (len(self.blocks) + 1)
    # Slices, since a split in more than four parts keeps XNNPACK off its sparse path.
    first, *chunks = [latents[:, i:i + size] for i in range(0, self.latent_size, size)]
    embedded = self.embedding(labels)
    return first, [tf.concat([embedded, chunk], axis=1) for chunk in chunks]


class Discriminator(keras.Model):
  """Images [N, R, R, C] in [-1, 1], labels int32 [N] -> [N, 1 + K]: real logit, and the head's K class logits, if any.

  Args:
    width: channels where the multiplier is 1.
    multipliers: channels of each block's output, in units of `width`.
    style: of the layers.
    head: makes the last layer, see `layers.heads`.
    downsamplings: how many of the blocks, from the first on, halve the resolution.
    mean_pool: take the mean over positions before the head, not the sum.
    attention_after: the block (from 1) that self-attention follows; 0 for none.
    batch_norm: normalize before every ReLU inside the blocks and before the shortcuts (where there is no spectral norm).
    rectified_shortcut: shortcuts after the first block take relu(x), not x, as in code whose ReLU works in place.
    name: of the network.

  Raises:
    UserError: `rectified_shortcut` with `batch_norm`; a ReLU behind a BatchNorm leaves x as it is, in place or not.
  """

  def __init__(self, width: int, multipliers: Sequence[int], style: LayerStyle, head: HeadFn, downsamplings: int = 2,
               mean_pool: bool = False, attention_after: int = 0, batch_norm: bool = False, rectified_shortcut: bool = False,
               name: str = 'discriminator'):
    super().__init__(name=name)
    errors.check_counts(self, width=width)
    if rectified_shortcut and batch_norm:
      raise errors.UserError('Discriminator.rectified_shortcut and batch_norm exclude each other.')
    self.width = width
    self.mean_pool = mean_pool
    self.attention_after = attention_after
    first, *widths = [width * m for m in multipliers]
    changes = [i <= downsamplings or channels != before  # of resolution or width, by the blocks after the stem
               for i, (before, channels) in enumerate(zip([first, *widths[:-1]], widths, strict=True), 2)]
    # What a block puts out is normalized on both ways through the next one, if that has a shortcut of its own.
    normalized = [batch_norm and change and i != attention_after for i, change in enumerate([*changes, False], 1)]
    self.blocks = [DiscriminatorStem(first, style, batch_norm, 'block1', normalized[0])]
    for i, channels in enumerate(widths, 2):
      self.blocks.append(DiscriminatorBlock(
          channels, style, batch_norm, f'block{i}', downsample=i <= downsamplings,
          widen=changes[i - 2] and i > downsamplings, normalized=normalized[i - 1],
          rectified_shortcut=rectified_shortcut))
    self.attention = SelfAttention(style) if attention_after else None
    self.logits = head(style)

  def call(self, x, labels=None, training=False):
    for i, block in enumerate(self.blocks, 1):
      x = block(x, training=training)
      if i == self.attention_after:
        x = self.attention(x, training=training)
    pool = tf.reduce_mean if self.mean_pool else tf.reduce_sum
    return self.logits(pool(tf.cast(tf.nn.relu(x), tf.float32), axis=[1, 2]), labels, training=training)
