"""CycleGAN's networks: published sizes, and agreement with a forward pass by NumPy in PyTorch's layouts and alignments."""

import numpy as np
import pytest
import tensorflow as tf

from tf_stugan import compat
from tf_stugan import configuration
from tf_stugan import errors
from tf_stugan.layers import prunable
from tf_stugan.layers.style import LayerStyle
from tf_stugan.models import cyclegan
from tf_stugan.models import import_arrays
from tf_stugan.models import small_dense
from tf_stugan.training import layer_choice


GIN = """
include 'models/parts/cycle_gan.gin'
include 'datasets/cifar10.gin'
include 'runs/train.gin'
include 'methods/dense.gin'
include 'metrics/none.gin'
from __gin__ import dynamic_registration
from tf_stugan.gans import cycle_gan
from tf_stugan.gans import losses
from tf_stugan.training import trainer
NUM_STEPS = 1
trainer.Trainer.gan = @cycle_gan.CycleGAN()
cycle_gan.CycleGAN.make_generator = %GENERATOR
cycle_gan.CycleGAN.make_discriminator = %DISCRIMINATOR
cycle_gan.CycleGAN.loss = @losses.least_squares()
cycle_gan.CycleGAN.image_shape = (%IMAGE_RESOLUTION, %IMAGE_RESOLUTION, %IMAGE_CHANNELS)
"""


@pytest.fixture
def from_gin(tmp_path):
  """Makes (translator, discriminator) of the gin file, with bindings on top."""
  def make(*bindings):
    (tmp_path / 'networks.gin').write_text(GIN)
    configuration.load([tmp_path / 'networks.gin'], bindings)
    gan = configuration.make_experiment().make_trainer().gan
    return gan.a_to_b, gan.discriminator_a
  return make


def noise(*shape, seed=0):
  return np.random.default_rng(seed).standard_normal(shape)


# NCHW, float64; kernels [out, in, k, k], those of transposed convolutions [in, out, k, k].


def conv(x, weight, bias, stride, mode):
  out, _, k, _ = weight.shape
  border = (k - 1) // 2
  x = np.pad(x, [(0, 0), (0, 0), (border, border), (border, border)], mode)
  h, w = ((n - k) // stride + 1 for n in x.shape[2:])
  y = np.empty([len(x), out, h, w])
  for i in range(h):
    for j in range(w):
      window = x[:, :, stride * i:stride * i + k, stride * j:stride * j + k]
      y[:, :, i, j] = np.tensordot(window, weight, axes=[[1, 2, 3], [1, 2, 3]])
  return y + bias[:, None, None]


def transposed_conv(x, weight, bias):
  """ConvTranspose2d(3, stride=2, padding=1, output_padding=1): input row i reaches output rows 2i - 1, 2i, 2i + 1."""
  n, _, h, w = x.shape
  y = np.zeros([n, weight.shape[1], 2 * h, 2 * w])
  for i in range(h):
    for j in range(w):
      for a in range(3):
        for b in range(3):
          if 2 * i + a >= 1 and 2 * j + b >= 1:
            y[:, :, 2 * i + a - 1, 2 * j + b - 1] += x[:, :, i, j] @ weight[:, :, a, b]
  return y + bias[:, None, None]


def instance_norm(x, gamma=None, beta=None):
  y = (x - x.mean(axis=(2, 3), keepdims=True)) / np.sqrt(x.var(axis=(2, 3), keepdims=True) + 1e-5)
  return y if gamma is None else y * gamma[:, None, None] + beta[:, None, None]


def relu(x):
  return np.maximum(x, 0)


def leaky_relu(x):
  return np.where(x > 0, x, 0.2 * x)


class Arrays:
  """The variables of a network, drawn anew, in PyTorch's layouts."""

  def __init__(self, network):
    self.values = {}
    for i, (name, variable) in enumerate(import_arrays.named_variables(network).items()):
      scale = np.prod(variable.shape[:-1]) ** -0.5 if name.endswith('kernel') else 0.5
      self.values[name] = (scale * noise(*variable.shape, seed=i) + name.endswith('gamma')).astype(np.float32)
    import_arrays.load(network, self.values)

  def conv(self, name, x, stride=1, mode='constant'):
    return conv(x, self.values[f'{name}/kernel'].transpose(3, 2, 0, 1), self.values[f'{name}/bias'], stride, mode)

  def transposed_conv(self, name, x):
    return transposed_conv(x, self.values[f'{name}/kernel'].transpose(3, 2, 0, 1), self.values[f'{name}/bias'])

  def norm(self, name, x):
    return instance_norm(x, self.values[f'{name}/gamma'], self.values[f'{name}/beta'])


def translate(arrays, x, num_blocks):
  x = relu(arrays.norm('stem_norm', arrays.conv('stem', x, mode='reflect')))
  x = relu(arrays.norm('down1_norm', arrays.conv('down1', x, 2)))
  x = relu(instance_norm(arrays.conv('down2', x, 2)))
  for i in range(1, num_blocks + 1):
    h = relu(arrays.norm(f'block{i}/norm1', arrays.conv(f'block{i}/conv1', x, mode='reflect')))
    x = x + instance_norm(arrays.conv(f'block{i}/conv2', h, mode='reflect'))
  for name in ('up1', 'up2'):
    x = relu(arrays.norm(f'{name}_norm', arrays.transposed_conv(name, x)))
  return np.tanh(arrays.conv('to_rgb', x, mode='reflect'))


def judge(arrays, x):
  x = leaky_relu(arrays.conv('stem', x, 2))
  for i, stride in enumerate((2, 2, 1), 1):
    x = leaky_relu(arrays.norm(f'norm{i}', arrays.conv(f'conv{i}', x, stride)))
  return arrays.conv('scores', x)


def build(network, *shape):
  network(tf.zeros([1, *shape]))
  return network


def nhwc(x):
  return np.moveaxis(x, 1, 3)


def agrees(network, images, expected):
  assert np.ptp(expected) > 0.1
  result = network(tf.constant(nhwc(images), tf.float32))
  np.testing.assert_allclose(result, nhwc(expected), atol=2e-5 * np.abs(expected).max())


@pytest.mark.parametrize('size', [(8, 12), (24, 16)])
def test_the_translator_computes_what_numpy_computes(size):
  network = build(cyclegan.Translator(2, LayerStyle(), num_blocks=2), *size, 3)
  images = noise(2, 3, *size)
  agrees(network, images, translate(Arrays(network), images, 2))


@pytest.mark.parametrize('size', [(32, 24), (49, 42)])
def test_the_discriminator_computes_what_numpy_computes(size):
  network = build(cyclegan.PatchDiscriminator(3, LayerStyle()), *size, 1)
  images = noise(2, 1, *size)
  agrees(network, images, judge(Arrays(network), images))


def test_a_transposed_convolution_is_aligned_as_in_pytorch():
  """By hand, along a row of two pixels: y[2i + a - 1] += x[i] * k[a], within four."""
  layer = prunable.Conv2DTranspose(1, kernel_size=3)
  layer.build([1, 2, 2, 1])
  layer.bias.assign([0.0])
  layer.kernel.assign(np.outer([1, 10, 100], [1, 2, 3])[:, :, None, None])
  y = layer(tf.constant([[5., 7.], [0., 0.]])[None, :, :, None])[0, :, :, 0].numpy()
  row = [2 * 5, 3 * 5 + 1 * 7, 2 * 7, 3 * 7]
  np.testing.assert_array_equal(y, np.outer([10, 100, 0, 0], row))
  assert layer.multiply_adds == 2 * 2 * 9


def test_a_padded_convolution_sees_the_border_that_it_says():
  layer = prunable.PaddedConv2D(1, 3, reflect=True)
  layer.build([1, 2, 3, 1])
  layer.bias.assign([0.0])
  layer.kernel.assign(np.float32([[1, 0, 0], [0, 0, 0], [0, 0, 0]])[:, :, None, None])  # what lies up and left
  x = tf.constant([[1., 2., 3.], [4., 5., 6.]])[None, :, :, None]
  np.testing.assert_array_equal(layer(x)[0, :, :, 0], [[5, 4, 5], [2, 1, 2]])
  layer.padding_mode = 'CONSTANT'
  np.testing.assert_array_equal(layer(x)[0, :, :, 0], [[0, 0, 0], [0, 1, 2]])
  for size, kernel, stride, positions in ((256, 4, 2, 128**2), (32, 4, 1, 31**2), (7, 4, 2, 9), (256, 7, 1, 256**2)):
    layer = prunable.PaddedConv2D(1, kernel, stride)
    y = layer(tf.zeros([1, size, size, 1]))
    assert layer.positions == positions == np.prod(y.shape[1:3])


def counts(network):
  """(parameters, weights of convolutions, multiply-adds, those with transposed convolutions counted at their output)"""
  layers = prunable.kernel_layers(network).values()
  published = sum(layer.multiply_adds * (4 if isinstance(layer, prunable.Conv2DTranspose) else 1) for layer in layers)
  return (sum(v.shape.num_elements() for v in network.trainable_variables),
          sum(v.weight.shape.num_elements() for v in layer_choice.conv_only(network)),
          sum(layer.multiply_adds for layer in layers), published)


def test_published_sizes(from_gin):
  with tf.Graph().as_default():  # on paper
    translator, discriminator = from_gin()
    assert translator(tf.zeros([1, 256, 256, 3])).shape == (1, 256, 256, 3)
    assert discriminator(tf.zeros([1, 256, 256, 3])).shape == (1, 30, 30, 1)
    parameters, weights, multiply_adds, published = counts(translator)
    assert (parameters, weights, published) == (11_383_555, 11_372_928, 54_168 * 2**20)
    assert multiply_adds == published - 3 * (64**2 * 9 * 256 * 128 + 128**2 * 9 * 128 * 64)
    # 4 x 4 kernels at 128, 64, 32, 31 and 30 squared positions.
    judged = 16 * (128**2 * 3 * 64 + 64**2 * 64 * 128 + 32**2 * 128 * 256 + 31**2 * 256 * 512 + 30**2 * 512)
    assert counts(discriminator) == (2_766_529, 16 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512), judged, judged)


def test_other_numbers_of_blocks_widths_and_channels(from_gin):
  translator, discriminator = from_gin(
      'NUM_BLOCKS = 6', 'GENERATOR_WIDTH = 4', 'DISCRIMINATOR_WIDTH = 5', 'IMAGE_CHANNELS = 1')
  assert (translator.width, translator.image_channels, len(translator.blocks), discriminator.width) == (4, 1, 6, 5)
  assert build(translator, 32, 40, 1)(tf.zeros([2, 32, 40, 1])).shape == (2, 32, 40, 1)
  assert translator(tf.zeros([2, 64, 8, 1])).shape == (2, 64, 8, 1)  # of any size, once built
  assert discriminator(tf.zeros([2, 32, 40, 1])).shape == (2, 2, 3, 1)


def test_it_can_be_narrowed():
  """Into the small dense network that sparse ones are compared with."""
  full = build(cyclegan.Translator(8, LayerStyle(), 1), 8, 8, 3)
  network = small_dense.narrowed(lambda width=8: cyclegan.Translator(width, LayerStyle(), 1), 0.25, [8, 8, 3])
  assert network.width == 3  # not 4: the 7 x 7 kernels of half the width have half the weights, not a quarter
  assert small_dense.convolution_weights(build(network, 8, 8, 3)) <= 0.25 * small_dense.convolution_weights(full)


def test_initial_weights(from_gin):
  for network, path in zip(from_gin(), ('block3/conv1', 'conv3'), strict=True):
    layers = prunable.kernel_layers(build(network, 32, 32, 3))
    kernel, bias = layers[path].kernel.numpy(), layers[path].bias.numpy()
    assert (kernel.mean(), kernel.std()) == (pytest.approx(0, abs=1e-4), pytest.approx(0.02, rel=1e-2))
    bound = np.prod(kernel.shape[:-1]) ** -0.5
    assert 0.9 * bound < abs(bias).max() <= bound
    norms = [m for m in network.submodules if m.__class__.__name__ == 'InstanceNorm' and m.scale]
    assert norms and all((n.gamma.numpy() == 1).all() and (n.beta.numpy() == 0).all() for n in norms)


@pytest.mark.parametrize('which', [0, 1])
def test_biases_that_are_not_trained_are_those_that_change_nothing(from_gin, which):
  network = build(from_gin('GENERATOR_WIDTH = 4', 'DISCRIMINATOR_WIDTH = 4', 'NUM_BLOCKS = 2')[which], 40, 40, 3)
  images = tf.constant(nhwc(noise(2, 3, 40, 40)), tf.float32)
  before = network(images).numpy()
  moved = {}
  for name, layer in prunable.kernel_layers(network).items():
    bias = layer.bias.numpy()
    layer.bias.assign(bias + np.linspace(0.1, 1, len(bias)))
    moved[name] = np.abs(network(images) - before).max()
    layer.bias.assign(bias)
  layers = prunable.kernel_layers(network)
  assert [name for name in layers if not layers[name].void_bias] == [['to_rgb'], ['stem', 'scores']][which]
  assert all((moved[name] < 1e-4) == layers[name].void_bias for name in layers), moved


def test_masks_and_gradients_reach_every_layer(from_gin):
  translator, discriminator = from_gin('GENERATOR_WIDTH = 4', 'DISCRIMINATOR_WIDTH = 4', 'NUM_BLOCKS = 2')
  images = tf.constant(nhwc(noise(2, 3, 40, 40)), tf.float32)
  with tf.GradientTape(persistent=True) as tape:
    translated = translator(images, training=True)
    loss = tf.reduce_mean((discriminator(translated, training=True) - 1)**2)
  for network in (translator, discriminator):
    assert {m.name for m in layer_choice.conv_only(network)} == set(prunable.kernel_layers(network))
    gradients = tape.gradient(loss, [v.weight for v in layer_choice.conv_only(network)])
    assert all(np.abs(g).max() > 0 for g in gradients)


@pytest.mark.parametrize('shape, message', [
    ((30, 32, 3), r'multiples of 4, at least 8; these are \(30, 32, 3\)'), ((4, 32, 3), 'at least 8'),
    ((32, 32, 1), 'of 3 channels')])
def test_images_that_a_translator_cannot_take_are_refused_in_one_line(shape, message):
  network = cyclegan.Translator(2, LayerStyle(), 1)
  for _ in range(2):  # also by one that is built
    with pytest.raises(errors.UserError, match=message) as raised:
      network(tf.zeros([1, *shape]))
    assert '\n' not in str(raised.value)
    build(network, 8, 8, 3)


def test_images_that_are_too_small_to_judge_are_refused_in_one_line():
  network = cyclegan.PatchDiscriminator(2, LayerStyle())
  with pytest.raises(errors.UserError, match='at least 24 x 24 pixels; these have 32 x 23'):
    network(tf.zeros([1, 32, 23, 3]))
  assert network(tf.zeros([1, 24, 24, 3])).shape == (1, 1, 1, 1)


def test_settings_that_make_no_sense():
  for make in (lambda: cyclegan.Translator(0, LayerStyle()), lambda: cyclegan.Translator(2, LayerStyle(), -1),
               lambda: cyclegan.PatchDiscriminator(2.5, LayerStyle())):
    with pytest.raises(errors.UserError, match='whole number'):
      make()


@pytest.mark.parametrize('precision', ['bfloat16', 'float16'])
def test_in_16_bits_scores_images_and_moments_stay_in_32(from_gin, precision):
  small = ('GENERATOR_WIDTH = 8', 'DISCRIMINATOR_WIDTH = 8', 'NUM_BLOCKS = 2')
  wide = from_gin(*small)
  narrow = from_gin(*small, f"cycle_gan.CycleGAN.precision = '{precision}'")
  for exact, rounded, images in zip(wide, narrow, (noise(2, 3, 40, 40), noise(2, 3, 40, 40)), strict=True):
    images = tf.constant(nhwc(images), tf.float32)
    expected = build(exact, 40, 40, 3)(images).numpy()
    with compat.precision(precision):
      build(rounded, 40, 40, 3)
    import_arrays.load(rounded, {name: v.numpy() for name, v in import_arrays.named_variables(exact).items()})
    result = rounded(images)
    assert result.dtype == tf.float32 and all(v.dtype == tf.float32 for v in rounded.variables)
    difference = np.abs(result - expected).max()
    assert 1e-6 < difference < 0.1 * np.abs(expected).max()
