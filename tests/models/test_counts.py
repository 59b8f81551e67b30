"""Sizes of the published networks, at full width, from the gin files that users train.

Built in a graph that is never run: no weight is drawn, no memory taken.
"""

import functools

import pytest
import tensorflow as tf

from tests.tiny import some_slow
from tf_stugan import configuration
from tf_stugan.layers.prunable import kernel_layers
from tf_stugan.training import layer_choice

# model: (generator, discriminator), each (parameters, masked by conv_only, masked by conv_and_dense); None where no source
# tells. Sources: counts that the authors' code prints (STU-GAN, lottery tickets), and those that reproduce ADAPT's table of
# FLOPs. ADAPT's numbers for BigGAN-64 have one weight more: its code masks the gate of the attention, too.
COUNTS = {
    'sngan': ((4_276_739, 3_742_464, 4_266_752), (1_053_824, 1_052_416, 1_052_544)),
    'sngan_48': ((4_878_083, None, 4_855_488), (19_542_721, None, 19_536_768)),
    'biggan_32': ((4_304_387, 3_742_464, 4_266_752), (4_207_361, 4_201_984, None)),
    'biggan_64': ((17_335_204, None, 16_219_760), (30_796_722, None, 30_533_280)),
    'biggan_128': ((70_433_988, 67_592_736, None), (87_982_370, 86_432_832, None)),
    'dcgan': ((3_812_355, 2_754_240, None), (2_931_009, None, None)),
    'ggan': ((3_812_355, 2_754_240, None), (2_931_009, None, None)),
    'wgan_gp': ((4_276_739, 3_742_464, None), (1_055_879, None, None)),
    'acgan': ((4_304_387, None, None), (1_057_169, None, None)),
    'projgan': ((4_304_387, None, None), (1_057_159, None, None)),
    'sagan': ((4_386_308, None, None), (1_075_586, None, None)),
    'diffaug_gan': ((9_416_196, None, None), (2_415_170, None, None)),
    'resnet_64': ((32_033_283, None, None), (38_313_607, None, None)),
    'autogan_a': ((4_405_251, None, None), (1_053_824, 1_052_416, 1_052_544)),
    'autogan_b': ((4_471_043, None, None), (1_053_824, 1_052_416, 1_052_544)),
    'autogan_c': ((4_406_275, None, None), (1_053_824, 1_052_416, 1_052_544)),
}


@functools.cache
def build(model, *bindings):
  """The GAN of gin_configs/models/<model>.gin, on paper."""
  files = ('runs/train.gin', f'models/{model}.gin', 'datasets/cifar10.gin', 'metrics/classifier.gin', 'methods/dense.gin')
  configuration.load([configuration.find(f) for f in files], ['NUM_STEPS = 1', *bindings])

  def built():
    gan = configuration.make_experiment().make_trainer().gan
    gan.build()
    return gan
  with tf.Graph().as_default(), tf.variable_creator_scope(zeros):
    return tf.autograph.experimental.do_not_convert(built)()  # Keras would rewrite all layers' Python, which takes longer


def zeros(next_creator, shape=None, dtype=None, initial_value=None, **kwargs):
  """Makes weights of zeros: random ones are many operations each."""
  if shape is not None:
    initial_value = functools.partial(tf.zeros, shape, dtype)
  return next_creator(shape=shape, dtype=dtype, initial_value=initial_value, **kwargs)


def counts(network):
  with network.trainable_variables[0].graph.as_default():
    masked = [sum(v.weight.shape.num_elements() for v in choice(network))
              for choice in (layer_choice.conv_only, layer_choice.conv_and_dense)]
  return (sum(v.shape.num_elements() for v in network.trainable_variables), *masked)


@pytest.mark.parametrize('model', some_slow(COUNTS, quick=('sngan', 'sngan_48', 'biggan_32', 'dcgan', 'autogan_a')))
def test_parameters_and_masked_weights(model):
  gan = build(model)
  for network, expected in zip((gan.generator, gan.discriminator), COUNTS[model], strict=True):
    for count, known in zip(counts(network), expected, strict=True):
      assert known in (count, None)


@pytest.mark.slow
def test_half_the_filters_of_biggan_128_are_a_quarter_of_its_parameters():
  gan = build('biggan_128_small')
  assert (counts(gan.generator)[0], counts(gan.discriminator)[0]) == (18_383_460, 22_383_698)


def test_a_head_can_be_left_dense():
  """As ADAPT does it in BigGAN-32's discriminator."""
  gan = build('biggan_32', 'Projection.prunable = False')
  assert counts(gan.discriminator) == (4_207_361, 4_201_984, 4_201_984)


def test_multiply_adds_of_biggan_32():
  gan = build('biggan_32')  # 3.362 and 2.162 GFLOP an image in STU-GAN's table, at 2 a multiply-add
  costs = [sum(layer.multiply_adds for layer in kernel_layers(n).values()) for n in (gan.generator, gan.discriminator)]
  assert [round(2 * c / 1e9, 3) for c in costs] == [3.362, 2.162]
