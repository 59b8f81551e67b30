import numpy as np
import pytest
import tensorflow as tf

from tests.export import sparse_generator
from tf_stugan import rng
from tf_stugan.export import dead_channels
from tf_stugan.export import plain
from tf_stugan.export import residual
from tf_stugan.export import sparse_lowering
from tf_stugan.layers import normalization
from tf_stugan.layers.blocks import GeneratorBlock
from tf_stugan.layers.style import LayerStyle


@pytest.mark.parametrize('width, density, channels', [(16, 0.1, 3), (10, 1, 3), (13, 0.05, 1)])
def test_both_layouts_compute_what_keras_computes(width, density, channels):
  generator = sparse_generator.make(width, density, channels)
  arrays = residual.read(generator)
  latents = rng.latents(np.arange(2), 16)
  expected = generator(latents, training=False)
  np.testing.assert_allclose(plain.images(arrays, latents), expected, atol=2e-5)
  for i in range(2):
    np.testing.assert_allclose(sparse_lowering.images(arrays, latents[i:i + 1]), expected[i:i + 1], atol=2e-5)


@pytest.mark.parametrize('shared_embedding, attention_after', [(0, 0), (4, 0), (4, 1)])
def test_conditional_generators(shared_embedding, attention_after):
  """BigGAN-32's class-wise scales, BigGAN-64's shared embedding with chunks of the latent, and its attention."""
  generator = sparse_generator.make_conditional(0.2, shared_embedding, attention_after)
  arrays = dead_channels.remove(residual.read(generator))
  latents, labels = rng.latents(np.arange(3), 15), np.array([0, 3, 4])
  expected = generator(latents, labels, training=False)
  assert np.std(expected) > 0.01
  np.testing.assert_allclose(plain.images(arrays, latents, labels), expected, atol=1e-4)
  for i in range(3):
    result = sparse_lowering.images(arrays, latents[i:i + 1], labels[i:i + 1])
    np.testing.assert_allclose(result, expected[i:i + 1], atol=1e-4)


def test_a_block_equals_its_layer():
  layer = GeneratorBlock(7, LayerStyle(), normalization.BatchNorm, 'block')
  layer(tf.random.stateless_normal([8, 4, 4, 5], [1, 1]), training=True)
  x = tf.random.stateless_normal([1, 4, 4, 5], [2, 2])
  result = sparse_lowering.residual_block({(0, 0): x}, residual._block(layer))  # pylint: disable=protected-access
  expected = layer(x, training=False)
  for (a, b), phase in result.items():
    np.testing.assert_allclose(phase, expected[:, a::2, b::2], atol=1e-5)


def test_folding_is_exact():
  rng_ = np.random.default_rng(0)
  conv = residual.Conv(rng_.standard_normal([1, 1, 4, 6]), rng_.standard_normal(6))
  affine = residual.Affine(rng_.standard_normal(6), rng_.standard_normal(6))
  x = rng_.standard_normal([3, 4])
  folded = residual.fold(conv, affine)
  np.testing.assert_allclose(x @ folded.kernel[0, 0] + folded.bias,
                             (x @ conv.kernel[0, 0] + conv.bias) * affine.scale + affine.offset)


def test_other_generators_are_recognized():
  assert residual.is_residual(sparse_generator.make(4, 1))
  assert not residual.is_residual(tf.keras.Sequential())
