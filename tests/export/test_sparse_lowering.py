import numpy as np
import pytest
import tensorflow as tf

from tests.export import sparse_generator
from tf_stugan import errors
from tf_stugan import rng
from tf_stugan.export import plain
from tf_stugan.export import residual
from tf_stugan.export import sparse_lowering
from tf_stugan.layers.blocks import GeneratorBlock


@pytest.mark.parametrize('width, density, channels', [(16, 0.1, 3), (10, 1, 3), (13, 0.05, 1)])
def test_both_layouts_compute_what_keras_computes(width, density, channels):
  generator = sparse_generator.make(width, density, channels)
  arrays = residual.read(generator)
  latents = rng.latents(np.arange(2), 16)
  expected = generator(latents, training=False)
  np.testing.assert_allclose(plain.images(arrays, latents), expected, atol=2e-6)
  for i in range(2):
    np.testing.assert_allclose(sparse_lowering.images(arrays, latents[i:i + 1]), expected[i:i + 1], atol=2e-6)


def test_a_block_equals_its_layer():
  layer = GeneratorBlock(7, name='block')
  layer(tf.random.stateless_normal([8, 4, 4, 5], [1, 1]), training=True)
  x = tf.random.stateless_normal([1, 4, 4, 5], [2, 2])
  result = sparse_lowering.residual_block(x, residual._block(layer))  # pylint: disable=protected-access
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


def test_other_generators_are_refused_with_the_reason():
  other = tf.keras.Sequential(name='other')
  with pytest.raises(errors.UserError, match='residual blocks .* other differs: .*blocks.*--layout=plain'):
    residual.read(other)
