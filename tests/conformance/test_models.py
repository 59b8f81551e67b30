"""Every model of the gin tree trains a few steps at tiny width, dense and with STU-GAN."""

import math
import re

import numpy as np
import pytest
import tensorflow as tf

from tests import tiny
from tests.tiny import some_slow
from tf_stugan import configuration
from tf_stugan.data import random_images
from tf_stugan.layers import normalization
from tf_stugan.layers.prunable import kernel_layers
from tf_stugan.sparsity import masks

# Small ones differ from others in their width alone, which is another one here.
MODELS = sorted(  # of images from noise; test_gin_tree.py has the other game
    p.stem for p in (configuration.config_root() / 'models').glob('*.gin') if not p.stem.endswith(('_small', 'cycle_gan')))
TINY = ('GENERATOR_WIDTH = 4', 'DISCRIMINATOR_WIDTH = 4', 'NUM_STEPS = 4', 'BALANCE_INTERVAL = 100')
SPARSE = ('UPDATE_INTERVAL = 1', 'GENERATOR_DENSITY = 0.4')


def make(model, method, *bindings):
  """(trainer, images that its networks fit)"""
  files = ('runs/train.gin', f'models/{model}.gin', 'datasets/cifar10.gin', 'metrics/classifier.gin',
           f'methods/{method}.gin', 'runs/tiny.gin', 'runs/noise.gin')
  configuration.load([configuration.find(f) for f in files], [*TINY, *bindings])
  trainer = configuration.make_experiment().make_trainer()
  resolution = re.search(r'_(48|64|128)$', model)
  return trainer, random_images.RandomImages(8, int(resolution[1]) if resolution else 32).load()


def train(model, method, *bindings):
  """(trainer after four steps, initial values of its variables by name)"""
  trainer, data = make(model, method, *bindings)
  trainer.build({'data': data.image_shape})
  before = {v.ref(): v.numpy() for side in trainer.sides.values() for v in side.player.network.trainable_variables}
  trainer.fit({'data': data}, 4)
  return trainer, before


@pytest.mark.slow
@pytest.mark.parametrize('model', MODELS)
def test_it_trains_dense_and_nothing_stands_still(model):
  with tiny.unoptimized():
    trainer, before = train(model, 'dense', 'Trainer.balance = None')
  assert all(math.isfinite(value) for value in trainer.scalars().values())
  still = {v.deref().name for v, old in before.items() if np.array_equal(v.deref(), old)}
  # The bias before a BatchNorm has no gradient but rounding; those through a clipped discriminator are too small to move
  # gamma = 1 in float32.
  excused = ('bias', 'gamma') if trainer.gan.players[0].after_update else ('bias',)
  assert [name for name in still if not any(word in name for word in excused)] == []
  images = trainer.gan.outputs['images'].sample(np.arange(3))
  assert images.shape == (3, *trainer.image_shapes['data']) and np.abs(images).max() <= 1


@pytest.mark.parametrize('model', some_slow(MODELS, quick=('dcgan',)))
def test_it_trains_with_stugan_and_keeps_its_budget(model):
  trainer, _ = train(model, 'stugan', *SPARSE)
  assert all(math.isfinite(value) for value in trainer.scalars().values())
  generator = trainer.sides['generator']
  assert float(masks.density(generator.masked)) == pytest.approx(0.4, abs=0.01)
  assert trainer.scalars()['generator/exploration_rate'] > 0.41
  averaged = {v.name: v.numpy() for v in trainer.gan.averaged_generator.variables}
  for side in trainer.sides.values():
    for v in side.masked:
      assert not v.weight.numpy()[~v.mask.numpy()].any()
  assert not any(averaged[v.weight.name][~v.mask.numpy()].any() for v in generator.masked)


@pytest.mark.parametrize('model', MODELS)
def test_biases_that_are_not_trained_are_those_that_change_nothing(model):
  trainer, data = make(model, 'dense')
  trainer.gan.build({'data': data.image_shape})
  generator = trainer.gan.generator
  latents, labels = tf.random.stateless_normal([4, generator.latent_size], [1, 2]), tf.range(4)
  for network, x in ((generator, latents), (trainer.gan.discriminator, data.images[:4] / 127.5 - 1)):
    for variable in network.trainable_variables:
      if variable.shape.rank < 2:  # so that attention, which begins with a gain of 0, counts
        variable.assign(variable + 0.3 * tf.random.stateless_normal(variable.shape, [3, 4]))
    def run(network=network, x=x):
      with normalization.batch_statistics():
        return network(tf.constant(x, tf.float32), labels, training=False).numpy()
    before = run()
    for layer in kernel_layers(network).values():
      if layer.void_bias:
        layer.bias.assign_add(np.linspace(0.1, 1, layer.units))
    np.testing.assert_allclose(run(), before, atol=1e-2)
  if model in ('sngan', 'biggan_32', 'dcgan'):
    assert [name for name, layer in kernel_layers(generator).items() if layer.bias is not None and not layer.void_bias] == [
        'project', 'to_rgb']


@pytest.mark.slow
def test_weights_are_clipped_where_the_paper_clips_them():
  with tiny.unoptimized():
    trainer, _ = train('wgan_64', 'dense', 'Trainer.balance = None')
  largest = max(np.abs(v.numpy()).max() for v in trainer.gan.discriminator.trainable_variables)
  assert largest == pytest.approx(0.01)
  assert max(np.abs(v.numpy()).max() for v in trainer.gan.generator.trainable_variables) > 0.05
