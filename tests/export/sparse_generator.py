"""Built generators with random masks, for tests of the export."""

import tensorflow as tf

from tests import tiny
from tf_stugan.compat import keras
from tf_stugan.gans import outputs
from tf_stugan.layers.spectral_norm import SpectralNorm
from tf_stugan.layers.style import LayerStyle
from tf_stugan.models import resnet
from tf_stugan.sparsity.masks import apply_masks
from tf_stugan.sparsity.static_sparse import StaticSparse
from tf_stugan.training import layer_choice


def make(width=16, density=0.1, image_channels=3):
  """An SNGAN generator for latents of 16 numbers."""
  return prepare(tiny.generator(width, 3, 16, image_channels), density)


def make_conditional(density=0.1, shared_embedding=0, attention_after=0):
  """A BigGAN generator for latents of 15 numbers and 5 classes, with spectral norm and unequal widths."""
  return prepare(resnet.Generator(
      5, (3, 2, 2), LayerStyle(kernel_normalizer=SpectralNorm), 15, num_classes=5, shared_embedding=shared_embedding,
      attention_after=attention_after), density)


def output(generator):
  """The generator as what a game makes."""
  return outputs.FromNoise('generator', generator, None, 'data')


def prepare(generator, density):
  """Gives it running statistics and biases other than the initial ones, and masks."""
  keras.utils.set_random_seed(1)
  latents = tf.random.stateless_normal([16, generator.latent_size], [1, 2])
  generator(latents, tf.range(16) % max(generator.num_classes, 1), training=True)
  for i, variable in enumerate(generator.variables):
    if variable.shape.rank < 2 and 'variance' not in variable.name:
      variable.assign_add(tf.random.stateless_normal(variable.shape, [3, i], stddev=0.1))
  mask(generator, density)
  return generator


def mask(network, density):
  """Gives a network random masks; none for density 1."""
  if density < 1:
    masked = layer_choice.conv_only(network)
    StaticSparse(density).initialize(masked, tf.constant([1, 2]))
    apply_masks(masked)
