"""How the dense layer's output gets into the cluster: its columns are laid out so that a few small convolutions suffice."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_stugan.export import cluster

_LEVELS = 2
_BLOCK = 12


class Entry(NamedTuple):
  """A dense layer whose output is a stack of images to `enter` the cluster by.

  Attributes:
    kernel, bias: [latent_size, images * 2H * 2W * 3] and its last dimension, where H = h * 2**levels.
    images, side: how many images, of how many pixels a side: 2H.
    channels: of the map [1, H, W, channels] that they make, before it is folded `levels` times.
    width: channels in the end.
  """

  kernel: np.ndarray
  bias: np.ndarray
  images: int
  side: int
  channels: int
  width: int


def lay_out(kernel: np.ndarray, bias: np.ndarray) -> Entry:
  """The columns of a dense layer [latent_size, h, w, C], [h, w, C] in the order of the images to enter by.

  The map is unfolded twice, channels to space, so that 2 images carry what would need 22 as it is (at 256 channels).
  """
  width = kernel.shape[-1]
  both = np.concatenate([kernel, bias[None]])
  both = _unfold(np.pad(both, [(0, 0)] * 3 + [(0, -width % 4**_LEVELS)]))
  channels = both.shape[-1]
  images = -(-channels // _BLOCK)
  both = np.pad(both, [(0, 0)] * 3 + [(0, images * _BLOCK - channels)])
  n, h, w, _ = both.shape
  both = both.reshape(n, h, w, images, 2, 2, 3).transpose(0, 3, 1, 4, 2, 5, 6).reshape(n, -1)
  return Entry(both[:-1], both[-1], images, 2 * h, channels, width)


def enter(latents: tf.Tensor, entry: Entry) -> tf.Tensor:
  """latents [1, latent_size] -> [1, h, w, C] inside the cluster."""
  images = tf.matmul(latents, entry.kernel) + entry.bias
  images = tf.split(tf.reshape(images, [entry.images, entry.side, entry.side, 3]), entry.images)
  places = np.eye(entry.images * _BLOCK, entry.channels, dtype=np.float32)
  x = cluster.add(cluster.enter(image, part) for image, part in zip(images, np.split(places, entry.images), strict=True))
  for _ in range(_LEVELS):
    x = _fold(x)
  # Channels that were added so that they can be unfolded go here.
  return x if x.shape[-1] == entry.width else cluster.product(x, np.eye(x.shape[-1], entry.width, dtype=np.float32))


def _unfold(x):
  """Channels to space, `_LEVELS` times: [n, h, w, C] -> [n, 2h, 2w, C/4]; channel 4-way split (y, x, rest)."""
  for _ in range(_LEVELS):
    n, h, w, c = x.shape
    x = x.reshape(n, h, w, 2, 2, c // 4).transpose(0, 1, 3, 2, 4, 5).reshape(n, 2 * h, 2 * w, c // 4)
  return x


def _fold(x):
  """Space to channels, the inverse of one level: four copies, each shifted and thinned out, in one depthwise convolution."""
  channels = x.shape[-1]
  copies = cluster.product(x, np.tile(np.eye(channels, dtype=np.float32), 4))
  kernel = np.zeros([3, 3, 4, channels], np.float32)
  for i in range(4):
    kernel[1 + i // 2, 1 + i % 2, i] = 1
  copies = tf.pad(copies, [[0, 0], [1, 1], [1, 1], [0, 0]])
  return tf.nn.depthwise_conv2d(copies, kernel.reshape(3, 3, -1, 1), [1, 2, 2, 1], 'VALID')
