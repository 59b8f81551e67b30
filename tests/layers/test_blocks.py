"""Blocks of discriminators against arithmetic by hand."""

import numpy as np
import pytest
import tensorflow as tf

from tf_stugan import errors
from tf_stugan.layers import blocks
from tf_stugan.layers import heads
from tf_stugan.layers.style import LayerStyle
from tf_stugan.models import resnet

STYLE = LayerStyle(bias_initializer='zeros', conv_initializer='zeros')
X = np.array([[1, -3], [5, -7]], np.float32).reshape([1, 2, 2, 1])


def block(rectified, **kwargs):
  """A block of one channel that puts out what its shortcut makes of an input: its two convolutions are zero."""
  return blocks.DiscriminatorBlock(1, STYLE, False, 'block', rectified_shortcut=rectified, **kwargs)


@pytest.mark.parametrize('rectified, expected', [(False, [1, -3, 5, -7]), (True, [1, 0, 5, 0])])
def test_a_shortcut_without_weights_passes_x_or_relu_of_x(rectified, expected):
  np.testing.assert_array_equal(block(rectified)(tf.constant(X)).numpy().ravel(), expected)


@pytest.mark.parametrize('rectified, expected', [(False, 2 * -1 + 0.5), (True, 2 * 1.5 + 0.5)])
def test_a_shortcut_with_weights_takes_x_or_relu_of_x(rectified, expected):
  layer = block(rectified, downsample=True)
  layer(tf.constant(X))
  layer.shortcut.kernel.assign([[[[2.0]]]])
  layer.shortcut.bias.assign([0.5])
  np.testing.assert_array_equal(layer(tf.constant(X)).numpy().ravel(), [expected])  # mean of -4 / 4 or 6 / 4


@pytest.mark.parametrize('rectified', [False, True])
def test_the_way_through_the_convolutions_is_the_same(rectified):
  layer = block(rectified)
  layer(tf.constant(X))
  for conv in (layer.conv1, layer.conv2):  # the centre of the kernel alone: each pixel by itself
    conv.kernel.assign(np.pad([[[[2.0]]]], [(1, 1), (1, 1), (0, 0), (0, 0)]))
  layer.conv1.bias.assign([-4.0])
  # 2 relu(2 relu(x) - 4): 0 for 1, -3 and -7, and 12 for 5
  np.testing.assert_array_equal(
      layer(tf.constant(X)).numpy().ravel(), [1, 0, 17, 0] if rectified else [1, -3, 17, -7])


def test_a_batch_norm_leaves_no_relu_to_work_in_place():
  with pytest.raises(errors.UserError, match='exclude each other'):
    resnet.Discriminator(4, [1, 1], STYLE, heads.Unconditional, batch_norm=True, rectified_shortcut=True)
