"""A GAN of a few thousand weights on noise of 8 x 8 pixels, for tests of training.

It is SNGAN's with one block in place of three, and two in place of four: where a test trains, most of its time goes into
tracing the graph of a step, which grows with the number of layers.
"""

import contextlib
import functools

import pytest
import tensorflow as tf

from tf_stugan.data import random_images
from tf_stugan.gans import losses
from tf_stugan.gans import noise_to_image
from tf_stugan.layers import heads
from tf_stugan.layers.spectral_norm import SpectralNorm
from tf_stugan.layers.style import LayerStyle
from tf_stugan.models import resnet
from tf_stugan.sparsity import dynamic_sparse
from tf_stugan.sparsity import schedules
from tf_stugan.sparsity import sparse_ema
from tf_stugan.sparsity import static_sparse
from tf_stugan.training import optimizers
from tf_stugan.training import trainer


def some_slow(names, quick):
  """Parameters of a test: all but the `quick` ones are left to the slow tests."""
  assert set(quick) <= set(names)
  return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in names]


@contextlib.contextmanager
def unoptimized():
  """Graphs run as they are traced: for one that another test runs, in all but a few of its parts, as TensorFlow changes it.

  Of a step of tiny networks, what the optimizers of graphs take is a third.
  """
  def disable(value):
    tf.config.optimizer.set_experimental_options({'disable_meta_optimizer': value})
  disable(True)
  try:
    yield
  finally:
    disable(False)


IMAGES = random_images.RandomImages(num_images=16, resolution=8).load()
DATA = {'data': IMAGES}


def generator(width=8, blocks=1, latent_size=16, image_channels=3):
  """Makes that of gin_configs/models/sngan.gin, which has three blocks."""
  return resnet.Generator(width, [1] * (blocks + 1), LayerStyle(), latent_size, image_channels)


def discriminator(width=8, blocks=2):
  """Makes that of gin_configs/models/sngan.gin, which has four blocks."""
  head = functools.partial(heads.Unconditional, use_bias=False)
  return resnet.Discriminator(width, [1] * blocks, LayerStyle(kernel_normalizer=SpectralNorm), head)


def make_trainer(interval=2, updates=1, method=None, width=8, methods=None, precision='float32', accumulation_steps=1,
                 balance=None, built=True, **kwargs):
  """Makes a STU-GAN trainer with batches of 4, built unless asked otherwise. `method` replaces that of the generator,
  `methods` both; they are made, as `balance` is."""
  gan = noise_to_image.NoiseToImage(
      functools.partial(generator, width), discriminator, losses.hinge(), 4, 4,
      updates, precision=precision, accumulation_steps=accumulation_steps)
  schedule = schedules.UpdateSchedule(100, interval)
  if methods is None:
    methods = {'generator': method or dynamic_sparse.DynamicSparse(0.2, schedule),
               'discriminator': static_sparse.StaticSparse(0.5)}
  adam = functools.partial(optimizers.Adam, 2e-4, 0.0, 0.9, 1e-8)
  result = trainer.Trainer(
      gan, {'generator': adam, 'discriminator': adam}, {role: lambda made=made: made for role, made in methods.items()},
      functools.partial(sparse_ema.SparseEMA, 0.9), balance=balance and (lambda: balance), **kwargs)
  if built:
    result.build({'data': IMAGES.image_shape})
  return result


def state(trainer_):
  """Every number of a trainer, by position."""
  return [v.numpy() for v in trainer_.variables]
