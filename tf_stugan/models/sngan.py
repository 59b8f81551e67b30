"""SNGAN for 32 x 32 images (Miyato et al., 2018), as trained by STU-GAN and ADAPT.

At the papers' widths (256 and 128, three channels) the generator has 4,276,739 parameters, 3,742,464 of them in
convolution kernels, and the discriminator 1,053,824 and 1,052,416.
"""

import tensorflow as tf

from tf_stugan.compat import keras
from tf_stugan.layers import normalization
from tf_stugan.layers.blocks import DiscriminatorBlock
from tf_stugan.layers.blocks import DiscriminatorStem
from tf_stugan.layers.blocks import GeneratorBlock
from tf_stugan.layers.prunable import Conv2D
from tf_stugan.layers.prunable import Dense
from tf_stugan.layers.spectral_norm import SpectralNorm


class Generator(keras.Model):
  """Latents [N, latent_size] -> images [N, 32, 32, image_channels] in [-1, 1]. No spectral norm.

  Args:
    width: channels of every block.
    latent_size: length of a latent.
    image_channels: 3, or 1 for grey images.
  """

  def __init__(self, width: int = 256, latent_size: int = 128, image_channels: int = 3, name: str = 'generator'):
    super().__init__(name=name)
    self.width = width
    self.latent_size = latent_size
    self.image_channels = image_channels
    self.project = Dense(4 * 4 * width, kernel_initializer='fan_in_uniform', name='project')
    self.blocks = [GeneratorBlock(width, name=f'block{i}') for i in range(1, 4)]
    self.norm = normalization.batch_norm('norm')
    self.to_rgb = Conv2D(image_channels, name='to_rgb')

  def call(self, latents, training=False):
    x = tf.reshape(self.project(latents), [-1, 4, 4, self.width])
    for block in self.blocks:
      x = block(x, training=training)
    x = tf.nn.relu(self.norm(x, training=training))
    return tf.tanh(self.to_rgb(x))


class Discriminator(keras.Model):
  """Images [N, 32, 32, C] in [-1, 1] -> logits [N, 1]. Spectral norm on every layer.

  Args:
    width: channels of every block.
  """

  def __init__(self, width: int = 128, name: str = 'discriminator'):
    super().__init__(name=name)
    self.width = width
    self.blocks = [
        DiscriminatorStem(width, SpectralNorm, name='block1'),
        DiscriminatorBlock(width, SpectralNorm, name='block2', downsample=True),
        DiscriminatorBlock(width, SpectralNorm, name='block3'),
        DiscriminatorBlock(width, SpectralNorm, name='block4'),
    ]
    self.logits = Dense(
        1, use_bias=False, kernel_initializer='fan_in_uniform', kernel_normalizer=SpectralNorm, name='logits')

  def call(self, x, training=False):
    for block in self.blocks:
      x = block(x, training=training)
    x = tf.reduce_sum(tf.nn.relu(x), axis=[1, 2])
    return self.logits(x, training=training)
