"""How a map gets into the cluster: laid out as a few images of three channels, and folded again inside."""

import numpy as np
import tensorflow as tf

from tf_stugan.export import cluster

_BLOCK = 12  # what one 3 x 3 convolution of stride 2 over 3 channels can tell apart: 2 x 2 pixels
_FEW_PIXELS = 64


def enter(x: tf.Tensor) -> tf.Tensor:
  """Takes a map [1, h, w, C] into the cluster.

  Small maps are unfolded twice first, channels to space, so that 2 images carry what would need 22 as it is (at 256
  channels).
  """
  _, h, w, channels = x.shape
  levels = 2 if h * w < _FEW_PIXELS else 0
  x = _pad_channels(x, 4**levels)
  for _ in range(levels):
    x = tf.nn.depth_to_space(x, 2)
  # Slices: XNNPACK takes no split in one part, or in many, and beside what it does not take no sparse path either.
  padded = _pad_channels(x, _BLOCK)
  groups = [padded[..., i:i + _BLOCK] for i in range(0, padded.shape[-1], _BLOCK)]
  places = np.split(np.eye(len(groups) * _BLOCK, x.shape[-1], dtype=np.float32), len(groups))
  entered = [cluster.enter(tf.nn.depth_to_space(group, 2)) for group in groups]
  x = cluster.add(cluster.product(group, place) for group, place in zip(entered, places, strict=True))
  for _ in range(levels):
    x = fold(x)
  # Channels that were added so that they can be unfolded go here.
  return x if x.shape[-1] == channels else cluster.product(x, np.eye(x.shape[-1], channels, dtype=np.float32))


def fold(x: tf.Tensor) -> tf.Tensor:
  """Moves space to channels inside the cluster, [1, 2h, 2w, C] -> [1, h, w, 4C]: the inverse of depth_to_space.

  Four copies; one depthwise convolution of stride 2 takes another pixel of each 2 x 2 block from each.
  """
  channels = x.shape[-1]
  copies = cluster.product(x, np.tile(np.eye(channels, dtype=np.float32), 4))
  kernel = np.zeros([3, 3, 4, channels], np.float32)
  for i in range(4):
    kernel[1 + i // 2, 1 + i % 2, i] = 1
  # By hand: SAME pads at one end only where the stride is 2.
  copies = tf.pad(copies, [[0, 0], [1, 1], [1, 1], [0, 0]])
  return tf.nn.depthwise_conv2d(copies, kernel.reshape(3, 3, -1, 1), [1, 2, 2, 1], 'VALID')


def _pad_channels(x, multiple):
  extra = -x.shape[-1] % multiple
  return tf.pad(x, [[0, 0]] * 3 + [[0, extra]]) if extra else x
