"""Sizes of the published networks, at full width, from the gin files that users train.

Built in a graph that is never run: no weight is drawn, no memory taken.
"""

import pytest
import tensorflow as tf

from tf_stugan import configuration
from tf_stugan.layers.prunable import kernel_layers
from tf_stugan.training import layer_choice

# model: (generator, discriminator), each (parameters, masked by conv_only, masked by conv_and_dense).
# Sources: the authors' printed counts (STU-GAN, lottery tickets) and those that reproduce ADAPT's table of FLOPs.
COUNTS = {
    'sngan': ((4_276_739, 3_742_464, 4_266_752), (1_053_824, 1_052_416, 1_052_544)),
    'biggan_32': ((4_304_387, 3_742_464, 4_266_752), (4_207_361, 4_201_984, 4_202_240)),
}
# Beside ADAPT's counts: it leaves the last dense kernel of BigGAN-32's discriminator dense, 4,201,984.


def build(model, *bindings):
  """The GAN of gin_configs/models/<model>.gin, on paper."""
  files = ('runs/train.gin', f'models/{model}.gin', 'datasets/cifar10.gin', 'metrics/classifier.gin', 'methods/dense.gin')
  configuration.load([configuration.find(f) for f in files], ['NUM_STEPS = 1', *bindings])
  with tf.Graph().as_default():
    gan = configuration.make_experiment().trainer.gan
    gan.build()
    return gan


def counts(network):
  with network.trainable_variables[0].graph.as_default():
    masked = [sum(v.weight.shape.num_elements() for v in choice(network))
              for choice in (layer_choice.conv_only, layer_choice.conv_and_dense)]
  return (sum(v.shape.num_elements() for v in network.trainable_variables), *masked)


@pytest.mark.parametrize('model', COUNTS)
def test_parameters_and_masked_weights(model):
  gan = build(model)
  assert (counts(gan.generator), counts(gan.discriminator)) == COUNTS[model]


def test_the_half_of_adapt_that_leaves_the_classifier_dense():
  gan = build('biggan_32', 'Projection.prunable = False')
  assert counts(gan.discriminator) == (4_207_361, 4_201_984, 4_201_984)


def test_multiply_adds_of_biggan_32():
  gan = build('biggan_32')  # 3.362 and 2.162 GFLOP an image in STU-GAN's table, at 2 a multiply-add
  costs = [sum(layer.multiply_adds for layer in kernel_layers(n).values()) for n in (gan.generator, gan.discriminator)]
  assert [round(2 * c / 1e9, 3) for c in costs] == [3.362, 2.162]
