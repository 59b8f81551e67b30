"""The plain convolutional GAN for 32 x 32 images: DCGAN (Radford et al., 2016) and GGAN, as in the lottery tickets' Table 5.

At width 64 the generator has 3,812,355 parameters, the discriminator 2,931,009. Neither has spectral norm; the
discriminator has plain ReLUs.
"""

import tensorflow as tf

from tf_stugan import errors
from tf_stugan.compat import keras
from tf_stugan.layers.style import LayerStyle
from tf_stugan.models.resnet import HeadFn


class Generator(keras.Model):
  """Latents [N, latent_size] -> images [N, 32, 32, image_channels] in [-1, 1]: dense, then three transposed convolutions.

  Args:
    width: channels before the last layer; 8 times as many in the first map.
    style: of the layers.
    latent_size: length of a latent.
    image_channels: 3, or 1 for grey images.
    name: of the network.
  """

  num_classes = 0

  def __init__(self, width: int, style: LayerStyle, latent_size: int = 128, image_channels: int = 3,
               name: str = 'generator'):
    super().__init__(name=name)
    errors.check_counts(self, width=width, latent_size=latent_size, image_channels=image_channels)
    self.width = width
    self.latent_size = latent_size
    self.first_map = [-1, 4, 4, 8 * width]
    self.project = style.dense(4 * 4 * 8 * width, 'project')
    self.convs = [style.conv_transpose(m * width, f'conv{i}', kernel_size=4) for i, m in enumerate((4, 2, 1), 1)]
    self.norms = [style.batch_norm(f'norm{i}') for i in range(1, 4)]
    for conv in self.convs:
      conv.void_bias = True
    self.to_rgb = style.conv(image_channels, 'to_rgb')

  def call(self, latents, labels=None, training=False):
    del labels
    x = tf.reshape(self.project(latents, training=training), self.first_map)
    for conv, norm in zip(self.convs, self.norms, strict=True):
      x = tf.nn.relu(norm(conv(x, training=training), training=training))
    return tf.tanh(tf.cast(self.to_rgb(x, training=training), tf.float32))


class Discriminator(keras.Model):
  """Images [N, 32, 32, C] in [-1, 1] -> [N, 1 + K]: three times conv3-BN-ReLU-conv4/2-BN-ReLU, conv3-BN-ReLU, sum, head.

  Args:
    width: channels of the first stage; 8 times as many in the last.
    style: of the layers.
    head: makes the last layer, see `layers.heads`.
    name: of the network.
  """

  def __init__(self, width: int, style: LayerStyle, head: HeadFn, name: str = 'discriminator'):
    super().__init__(name=name)
    errors.check_counts(self, width=width)
    self.width = width
    self.convs = []
    for i, channels in enumerate((width, 2 * width, 4 * width), 1):
      self.convs.append(style.conv(channels, f'conv{i}a'))
      self.convs.append(style.conv(channels, f'conv{i}b', kernel_size=4, resample='stride'))
    self.convs.append(style.conv(8 * width, 'conv4'))
    self.norms = [style.batch_norm(conv.name.replace('conv', 'norm')) for conv in self.convs]
    for conv in self.convs:
      conv.void_bias = True
    self.logits = head(style)

  def call(self, x, labels=None, training=False):
    for conv, norm in zip(self.convs, self.norms, strict=True):
      x = tf.nn.relu(norm(conv(x, training=training), training=training))
    return self.logits(tf.reduce_sum(tf.cast(x, tf.float32), axis=[1, 2]), labels, training=training)
