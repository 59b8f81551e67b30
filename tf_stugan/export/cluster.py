"""The operations of which a lowered generator consists: those that XNNPACK's sparse inference takes.

XNNPACK rewrites a part of a graph to channel-first, and multiplies by sparse filters there, if it is entered through
3 x 3 convolutions of stride 2 over 3 channels, left through depth_to_space, and holds nothing in between but 1 x 1
convolutions, depthwise 3 x 3 convolutions with symmetric padding, additions, multiplications, unary operations and bilinear
resizing (`xnn_subgraph_rewrite_for_nchw` in XNNPACK's subgraph.c). All maps here are float32 [1, h, w, C].
"""

import collections
import itertools
import math

import numpy as np
import tensorflow as tf

from tf_stugan.export import phases
from tf_stugan.export.phases import Offset

_FULL = 0.9  # of a block's weights, on an average: then XNNPACK multiplies by blocks
Phases = dict[Offset, tf.Tensor]  # (0, 0) alone is an ordinary map


def product(x: tf.Tensor, matrix: np.ndarray, bias: np.ndarray | None = None) -> tf.Tensor:
  """Multiplies by [C_in, C_out] (and adds [C_out]): a 1 x 1 convolution.

  A matrix that is nearly full is cut in two as a chessboard is, since XNNPACK would multiply by blocks of 2 or 4 outputs
  where 90 % of them are full, and does that without vector instructions in WebAssembly: at less than a third of the speed.
  """
  if is_in_blocks(matrix):
    white = np.indices(matrix.shape).sum(0) % 2
    return product(x, matrix * white, bias) + product(x, matrix * (1 - white))
  x = tf.nn.conv2d(x, matrix[None, None], 1, 'VALID')
  return x if bias is None else tf.nn.bias_add(x, bias)


def is_in_blocks(matrix: np.ndarray) -> bool:
  """Tells whether XNNPACK multiplies by blocks of outputs (`xnn_create_convolution2d_nchw`), if there are 4 or more."""
  def fullness(size):
    kept = matrix[:, :matrix.shape[1] // size * size].reshape(len(matrix), -1, size).astype(bool)
    return kept.sum() / max(kept.any(-1).sum(), 1) / size
  return max(fullness(2), fullness(4)) >= _FULL


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


def phases_each_way(x: Phases) -> int:
  """Returns how many phases an image has a direction."""
  return math.isqrt(len(x))


def convolution(source: Phases, kernel: np.ndarray, bias: np.ndarray, target_phases: int) -> Phases:
  """Convolves with [3, 3, C_in, C_out] and SAME padding, after a nearest upsampling if there are more targets."""
  plan = phases.cheapest_plan(kernel, phases_each_way(source), target_phases)
  filters = {p.tap: tf.constant(kernel[1 + p.tap[0], 1 + p.tap[1]][None, None]) for p in plan.products}
  shifted = {(p.source, p.before): shift(source[p.source], (0, p.before)) for p in plan.products}
  # Every target takes the middle tap once and unshifted, so the bias belongs there.
  computed = {p: tf.nn.conv2d(shifted[p.source, p.before], filters[p.tap], 1, 'VALID') for p in plan.products}
  computed = {p: tf.nn.bias_add(y, bias) if p.tap == phases.NO_SHIFT else y for p, y in computed.items()}
  lanes = {lane: add(shift(computed[p], (0, columns)) for p, columns in parts) for lane, parts in plan.lanes.items()}
  return {target: add(shift(lanes[lane], (rows, 0)) for lane, rows in parts) for target, parts in plan.targets.items()}


def add(maps) -> tf.Tensor:
  """Adds some maps, pair by pair: the cluster knows no other sum."""
  first, *rest = maps
  for other in rest:
    first = first + other
  return first


def interleave(x: Phases, even: tf.Tensor) -> Phases:
  """Makes half as many phases a direction, each twice as large: [1, h, w, C] -> [1, 2h, 2w, C].

  There is no operation for it, so each phase is resized bilinearly (which leaves its pixels at the even places), all
  other places are multiplied by zero, and it is shifted to where it belongs.

  Args:
    x: phases.
    even: [1, 2h, 2w, 1], 1 where row and column are even, else 0; produced by `enter` (a constant would not do).
  """
  size, count = even.shape[1:3], phases_each_way(x) // 2
  def apart(phase):
    return tf.raw_ops.ResizeBilinear(images=phase, size=size, half_pixel_centers=False) * even
  places = list(itertools.product(range(2), repeat=2))
  return {(a, b): add(shift(apart(x[count * y + a, count * z + b]), (-y, -z)) for y, z in places)
          for a, b in itertools.product(range(count), repeat=2)}


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
  """Takes phases [1, h, w, C] out of the cluster, as one image."""
  identity = np.eye(x[phases.NO_SHIFT].shape[-1], dtype=np.float32)[None, None]
  return convolve_and_leave(x, identity, np.zeros(identity.shape[-1], np.float32))


def convolve_and_leave(x: Phases, kernel: np.ndarray, bias: np.ndarray) -> tf.Tensor:
  """Convolves with [k, k, C_in, C_out] and SAME padding, k 1 or 3, and takes the result out of the cluster as one image.

  For few outputs: each phase of the source is multiplied by all taps at once, and what comes out is put where it belongs,
  for all phases of the result at once.
  """
  count, size, outputs = phases_each_way(x), len(kernel), kernel.shape[-1]
  # Every other row is empty, so that there are no blocks of full ones (see `product`).
  rows = np.pad(kernel[..., None], [(0, 0)] * 4 + [(0, 1)]).transpose(2, 0, 1, 3, 4).reshape(kernel.shape[2], -1)
  computed = {source: tf.nn.conv2d(y, rows[None, None], 1, 'VALID') for source, y in x.items()}
  places = collections.defaultdict(lambda: np.zeros([size, size, outputs, 2, count, count, outputs], np.float32))
  for y, z in itertools.product(phases.terms(count, count, size // 2), repeat=2):
    place = places[(y.shift, z.shift), (y.source, z.source)]
    place[y.tap + size // 2, z.tap + size // 2, :, 0, y.target, z.target] = np.eye(outputs)
  sums = collections.defaultdict(list)
  for (offset, source), place in places.items():
    sums[offset].append(product(computed[source], place.reshape(-1, count * count * outputs)))
  first, *others = sums.pop(phases.NO_SHIFT)
  unshifted = add([tf.nn.bias_add(first, np.tile(bias, count * count)), *others])
  return tf.nn.depth_to_space(add([unshifted, *(shift(add(parts), offset) for offset, parts in sums.items())]), count)
