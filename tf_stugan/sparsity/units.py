"""Masks of whole units: output channels, or blocks of neighbouring ones. All weights of a unit are kept, or none.

A kernel [..., C_out] is viewed in another shape, over some axes of which a unit extends. A static method takes
`distribution` and `sample_mask`, a dynamic one that ranks layer by layer takes `units` besides: it then drops and grows
units by the mean score of their weights. Of a transposed convolution, [k, k, C_out, C_in], the last axis is that of its
inputs.
"""

from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf

from tf_stugan import errors
from tf_stugan.rng import Seed
from tf_stugan.sparsity import distributions
from tf_stugan.sparsity import masks

_LEAST_CHANNELS = 8  # a layer with fewer makes an image, or a score

# Shape of a kernel -> (shape of the view, its axes over which a unit extends); None where a layer is not to be masked.
Units = Callable[[Sequence[int]], tuple[Sequence[int], Sequence[int]] | None]


def single_weights(shape: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
  """Makes every weight a unit of its own."""
  return shape, ()


def whole_channels(shape: Sequence[int]) -> tuple[Sequence[int], Sequence[int]] | None:
  """Makes a unit of all that one output channel is made by; layers of fewer than 8 are left alone."""
  return (shape, range(len(shape) - 1)) if shape[-1] >= _LEAST_CHANNELS else None


def output_blocks(shape: Sequence[int], size: int = 4) -> tuple[Sequence[int], Sequence[int]] | None:
  """Makes a unit of the weights of one input for `size` neighbouring output channels.

  Layers whose channels are no multiple of it are left alone.

  Raises:
    UserError: size is less than 2.
  """
  errors.check_counts('output_blocks', 2, size=size)
  *front, c_out = shape
  return None if c_out % size else ([*front, c_out // size, size], [len(shape)])


def pool(tensor: tf.Tensor, units: Units) -> tf.Tensor:
  """Returns what a unit has of it, in the shape of the view with 1 along its axes: the mean of numbers, of a mask any."""
  view, axes = units(tensor.shape.as_list()) or single_weights(tensor.shape.as_list())
  if not axes:
    return tensor
  reduce = tf.reduce_any if tensor.dtype == tf.bool else tf.reduce_mean
  return reduce(tf.reshape(tensor, view), axis=list(axes), keepdims=True)


def spread(mask: tf.Tensor, shape: Sequence[int], units: Units) -> tf.Tensor:
  """Returns the mask of a kernel of this shape, bool, of that of its units, as `pool` has it."""
  view, _ = units(shape) or single_weights(shape)
  return tf.reshape(tf.broadcast_to(mask, view), shape)


def distribution(shapes: Mapping[str, distributions.Shape], density: float, units: Units = whole_channels,
                 among: distributions.Distribution = distributions.erk) -> dict[str, float]:
  """Shares a density out among the layers that have units, each of which keeps a whole number of them; the others are dense.

  Args:
    shapes, density: as a `Distribution` takes them.
    units: what is kept or not.
    among: how much each layer gets, before it is rounded.
  """
  errors.check_density(density)
  counts = {name: _count(shape, units) for name, shape in shapes.items() if units(shape)}
  shares = among({name: shapes[name] for name in counts}, density) if counts else {}
  return {name: max(1, round(shares[name] * counts[name])) / counts[name] if name in counts else 1.0 for name in shapes}


def sample_mask(shape: tf.TensorShape, density: float, seed: Seed, units: Units = whole_channels) -> tf.Tensor:
  """Draws round(density * units) units, at least one."""
  shape = tf.TensorShape(shape).as_list()
  if not units(shape):
    return tf.ones(shape, tf.bool)
  count = _count(shape, units)
  return spread(masks.exact_mask(_pooled_shape(shape, units), max(density, 1 / count), seed), shape, units)


def _count(shape, units):
  return tf.TensorShape(_pooled_shape(shape, units)).num_elements()


def _pooled_shape(shape, units):
  view, axes = units(shape)
  return [1 if i in axes else size for i, size in enumerate(view)]
