"""SNGAN for 32 x 32 images (Miyato et al., 2018), as trained by STU-GAN and ADAPT.

At the papers' widths (256 and 128, three channels) the generator has 4,276,739 parameters, 3,742,464 of them in
convolution kernels, and the discriminator 1,053,824 and 1,052,416.
"""

import functools

from tf_stugan.layers import heads
from tf_stugan.layers.spectral_norm import SpectralNorm
from tf_stugan.layers.style import LayerStyle
from tf_stugan.models import resnet


class Generator(resnet.Generator):
  """Latents [N, latent_size] -> images [N, 32, 32, image_channels] in [-1, 1]. No spectral norm.

  Args:
    width: channels of every block.
    latent_size: length of a latent.
    image_channels: 3, or 1 for grey images.
    name: of the network.
  """

  def __init__(self, width: int = 256, latent_size: int = 128, image_channels: int = 3, name: str = 'generator'):
    super().__init__(width, [1, 1, 1, 1], LayerStyle(), latent_size, image_channels, name=name)


class Discriminator(resnet.Discriminator):
  """Images [N, 32, 32, C] in [-1, 1] -> logits [N, 1]. Spectral norm on every layer.

  Args:
    width: channels of every block.
    name: of the network.
  """

  def __init__(self, width: int = 128, name: str = 'discriminator'):
    head = functools.partial(heads.Unconditional, use_bias=False)
    super().__init__(width, [1, 1, 1, 1], LayerStyle(kernel_normalizer=SpectralNorm), head, name=name)
