"""The operations of which a lowered generator consists: those that XNNPACK's sparse inference takes.

XNNPACK rewrites a part of a graph to channel-first, and multiplies by sparse filters there, if it is entered through
3 x 3 convolutions of stride 2 over 3 channels, left through depth_to_space, and holds nothing in between but 1 x 1
convolutions, depthwise 3 x 3 convolutions with symmetric padding, additions, multiplications, unary operations and bilinear
resizing (`xnn_subgraph_rewrite_for_nchw` in XNNPACK's subgraph.c). All maps here are float32 [1, h, w, C].
"""

import numpy as np
import tensorflow as tf

from tf_stugan.export import phases
from tf_stugan.export.phases import Offset

Phases = dict[Offset, tf.Tensor]  # (0, 0) alone is an ordinary map


def product(x: tf.Tensor, matrix: np.ndarray, bias: np.ndarray | None = None) -> tf.Tensor:
  """Multiplies by [C_in, C_out] (and adds [C_out]): a 1 x 1 convolution."""
  x = tf.nn.conv2d(x, matrix[None, None], 1, 'VALID')
  return x if bias is None else tf.nn.bias_add(x, bias)


def affine_relu(x: tf.Tensor, scale: np.ndarray, offset: np.ndarray) -> tf.Tensor:
  """Computes relu(x * scale + offset), as a product with a diagonal matrix: the cheapest thing that also ends in a ReLU."""
  return tf.nn.relu(product(x, np.diag(scale), offset))


def shift(x: tf.Tensor, offset: Offset) -> tf.Tensor:
  """Shifts a map: result[i, j] = x[(i, j) + offset], zero outside; offsets in {-1, 0, 1}."""
  if offset == phases.NO_SHIFT:
    return x
  kernel = np.zeros([3, 3, x.shape[-1], 1], np.float32)
  kernel[1 + offset[0], 1 + offset[1]] = 1
  return tf.nn.depthwise_conv2d(x, kernel, [1, 1, 1, 1], 'SAME')


def convolution(source: Phases, kernel: np.ndarray, bias: np.ndarray, target_phases: int) -> Phases:
  """Convolves with [3, 3, C_in, C_out] and SAME padding, after a nearest upsampling if there are more targets."""
  source_phases = 2 if len(source) == 4 else 1
  plan = phases.cheapest_plan(kernel, source_phases, target_phases)
  filters = {p.tap: tf.constant(kernel[1 + p.tap[0], 1 + p.tap[1]][None, None]) for p in plan.products}
  shifted = {(p.source, p.before): shift(source[p.source], p.before) for p in plan.products}
  # Every target takes the middle tap once and unshifted, so the bias belongs there.
  computed = {p: tf.nn.conv2d(shifted[p.source, p.before], filters[p.tap], 1, 'VALID') for p in plan.products}
  computed = {p: tf.nn.bias_add(y, bias) if p.tap == phases.NO_SHIFT else y for p, y in computed.items()}
  return {target: add(shift(add(computed[p] for p in parts), offset) for offset, parts in sums.items())
          for target, sums in plan.sums.items()}


def add(maps) -> tf.Tensor:
  """Adds some maps, pair by pair: the cluster knows no other sum."""
  first, *rest = maps
  for other in rest:
    first = first + other
  return first


def interleave(x: Phases, even: tf.Tensor) -> tf.Tensor:
  """Makes the image of four phases [1, h, w, C] -> [1, 2h, 2w, C].

  There is no operation for it, so each phase is resized bilinearly (which leaves its pixels at the even places), all
  other places are multiplied by zero, and it is shifted to where it belongs.

  Args:
    x: four phases.
    even: [1, 2h, 2w, 1], 1 where row and column are even, else 0; produced by `enter` (a constant would not do).
  """
  size = even.shape[1:3]
  def apart(phase):
    return tf.raw_ops.ResizeBilinear(images=phase, size=size, half_pixel_centers=False) * even
  return add(shift(apart(phase), (-a, -b)) for (a, b), phase in x.items())


def enter(image: tf.Tensor) -> tf.Tensor:
  """Takes an image into the cluster: [1, 2h, 2w, 3] -> [1, h, w, 12], blocks of 2 x 2 pixels (y, x, channel)."""
  kernel = np.zeros([3, 3, 3, 12], np.float32)
  kernel[1:, 1:] = np.eye(12).reshape(2, 2, 3, 12)
  return tf.nn.conv2d(tf.pad(image, [[0, 0], [1, 1], [1, 1], [0, 0]]), kernel, 2, 'VALID')


def even_places(size: tuple[int, int], zero: tf.Tensor) -> tf.Tensor:
  """Returns the pattern that `interleave` needs, [1, *size, 1].

  Args:
    size: height and width.
    zero: a scalar that is 0 and not a constant; or else the converter computes the pattern beforehand.
  """
  pattern = np.zeros([1, 2 * size[0], 2 * size[1], 3], np.float32)
  pattern[:, ::4, ::4, 0] = 1
  return product(enter(pattern + zero), np.eye(12, 1, dtype=np.float32))


def leave(x: Phases) -> tf.Tensor:
  """Takes four phases [1, h, w, C] out of the cluster, as one image [1, 2h, 2w, C]."""
  channels = x[phases.NO_SHIFT].shape[-1]
  places = np.split(np.eye(4 * channels, dtype=np.float32), 4)  # depth_to_space: the phase is the slow part of the channel
  return tf.nn.depth_to_space(add(product(x[divmod(i, 2)], places[i]) for i in range(4)), 2)
