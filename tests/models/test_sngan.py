"""Sizes and costs of SNGAN as the authors' code prints them."""

import numpy as np
import pytest
import tensorflow as tf

from tf_stugan import configuration
from tf_stugan.layers.prunable import prunable_layers
from tf_stugan.metrics.cost import network_cost
from tf_stugan.training import layer_choice


def build(*bindings):
  """(generator, discriminator) of gin_configs/models/sngan.gin."""
  files = ('runs/train.gin', 'models/sngan.gin', 'datasets/cifar10.gin', 'metrics/classifier.gin', 'methods/dense.gin')
  configuration.load([configuration.find(f) for f in files], ['NUM_STEPS = 1', *bindings])
  gan = configuration.make_experiment().make_trainer().gan
  gan.build()
  return gan.generator, gan.discriminator


@pytest.fixture(scope='module')
def full_width():
  return build()


def test_parameters_and_masked_weights(full_width):
  for network, parameters, conv, conv_and_dense in (
      (full_width[0], 4_276_739, 3_742_464, 4_266_752), (full_width[1], 1_053_824, 1_052_416, 1_052_544)):
    cost = network_cost(network, layer_choice.conv_only(network))
    assert (cost.parameters, cost.kept_parameters, cost.masked_parameters) == (parameters, parameters, conv)
    assert network_cost(network, layer_choice.conv_and_dense(network)).masked_parameters == conv_and_dense


def test_multiply_adds_of_one_image(full_width):
  # 1,681.13 M and 272.07 M in the published count of convolutions and dense layers.
  costs = [network_cost(network, []).multiply_adds for network in full_width]
  assert costs == [1_681_129_472, 272_072_832]


def test_masks_lower_the_cost_by_their_positions(full_width):
  masked = layer_choice.conv_only(full_width[0])
  first = masked[0]
  assert first.name == 'block1/conv1'
  first.mask.assign(tf.zeros_like(first.mask))
  cost = network_cost(full_width[0], masked)
  first.mask.assign(tf.ones_like(first.mask))
  assert cost.dense_multiply_adds - cost.multiply_adds == 8 * 8 * 9 * 256 * 256
  assert cost.parameters - cost.kept_parameters == 9 * 256 * 256


@pytest.mark.parametrize('width', [4, 24])
def test_any_width_and_grey_images(width):
  generator, discriminator = build(
      f'GENERATOR_WIDTH = {width}', f'DISCRIMINATOR_WIDTH = {width}', 'LATENT_SIZE = 16', 'IMAGE_CHANNELS = 1')
  images = generator(tf.random.stateless_normal([3, 16], [1, 2]), training=True)
  assert images.shape == (3, 32, 32, 1)
  assert float(tf.reduce_max(abs(images))) <= 1
  assert discriminator(images, training=True).shape == (3, 1)


def test_initial_weights_are_those_of_the_authors(full_width):
  generator, _ = full_width
  kernel = generator.blocks[0].conv1.kernel.numpy()
  assert abs(kernel).max() == pytest.approx(np.sqrt(6 / (2 * 9 * 256)), rel=1e-2)  # Xavier uniform
  assert abs(generator.project.kernel.numpy()).max() == pytest.approx(128**-0.5, rel=1e-2)
  assert abs(generator.blocks[0].conv1.bias.numpy()).max() <= (9 * 256)**-0.5
  gamma = generator.blocks[0].norm1.gamma.numpy()
  assert gamma.mean() == pytest.approx(1, abs=0.01) and gamma.std() == pytest.approx(0.02, rel=0.3)


def test_only_discriminator_layers_are_normalized(full_width):
  assert all(layer.kernel_normalizer is None for layer in prunable_layers(full_width[0]).values())
  assert all(layer.kernel_normalizer is not None for layer in prunable_layers(full_width[1]).values())
