import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.export import sparse_generator
from tf_stugan.export import dead_channels
from tf_stugan.export import plain
from tf_stugan.export import residual


@pytest.fixture(scope='module')
def generator():
  return residual.read(sparse_generator.make(16, 0.05))


def widths(generator):
  """Channels between, and after, the convolutions of each block."""
  return [(b.conv1.kernel.shape[3], b.conv2.kernel.shape[3]) for b in generator.blocks]


def same_images(first, second):
  latents = tf.random.stateless_normal([4, 16], [5, 6])
  np.testing.assert_allclose(plain.images(first, latents), plain.images(second, latents), atol=1e-6)


def test_nothing_goes_from_a_dense_generator():
  dense = residual.read(sparse_generator.make(8, 1))
  assert widths(dead_channels.remove(dense)) == widths(dense)


def test_a_very_sparse_generator_shrinks_and_stays_the_same(generator):
  thin = dead_channels.remove(generator)
  assert widths(thin) < widths(generator)
  same_images(thin, generator)


def test_what_falls_away_frees_more(generator):
  """If the image reads nothing, the last block needs one channel, for form's sake."""
  rgb = generator.to_rgb
  blind = dataclasses.replace(generator, to_rgb=residual.Conv(np.zeros_like(rgb.kernel), rgb.bias))
  thin = dead_channels.remove(blind)
  assert widths(thin)[-1][1] == 1
  assert widths(thin) < widths(dead_channels.remove(generator))
  same_images(thin, blind)


@pytest.mark.parametrize('bias, goes', [(-0.5, True), (0.5, False)])
def test_a_channel_that_nothing_reaches_goes_if_the_relu_silences_it(bias, goes):
  dense = residual.read(sparse_generator.make(8, 1))
  block = dense.blocks[0]
  conv1 = residual.Conv(block.conv1.kernel.copy(), block.conv1.bias.copy())
  conv1.kernel[..., 3], conv1.bias[3] = 0, bias
  changed = dataclasses.replace(dense, blocks=[dataclasses.replace(block, conv1=conv1), *dense.blocks[1:]])
  thin = dead_channels.remove(changed)
  assert widths(thin)[0] == (7 if goes else 8, 8)
  same_images(thin, changed)
