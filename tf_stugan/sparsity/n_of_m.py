"""Fine-grained structured masks: N of every M neighbouring weights, the pattern that sparse tensor cores take (2:4).

Groups lie along the last dimension but one of a kernel: the input channels, over which a matrix product sums (of a
transposed convolution, whose kernels are [H, W, C_out, C_in], the output channels); N is density * M. Layers in which that
dimension is no multiple of M (the first convolution, on three colours) stay dense. A static method takes `distribution` and
`sample_mask`, a dynamic one that ranks layer by layer takes `grow_mask` besides.
"""

from collections.abc import Mapping, Sequence

import tensorflow as tf

from tf_stugan import errors
from tf_stugan import rng
from tf_stugan.rng import Seed
from tf_stugan.sparsity import distributions
from tf_stugan.sparsity import masks


def distribution(shapes: Mapping[str, distributions.Shape], density: float, m: int = 4) -> dict[str, float]:
  """Gives the same density to every layer that has groups; the others are dense.

  Raises:
    UserError: density * m is not a whole number.
  """
  errors.check_density(density)
  errors.check_counts('n_of_m.distribution', 2, m=m)
  if abs(density * m - round(density * m)) > 1e-6:
    raise errors.UserError(
        f'Density {density:g} is not N:{m} for any whole N; take one of {", ".join(f"{n / m:g}" for n in range(1, m))}.')
  return {name: 1.0 if shape[-2] % m else density for name, shape in shapes.items()}


def sample_mask(shape: tf.TensorShape, density: float, seed: Seed, m: int = 4) -> tf.Tensor:
  """Draws N = density * m of every m."""
  if density == 1:
    return tf.ones(shape, tf.bool)
  return top_n_of_m(rng.uniform(shape, seed), round(density * m), m)


def grow_mask(scores: Sequence[tf.Tensor], counts: Sequence[tf.Tensor], kept: Sequence[tf.Tensor],
              m: int = 4) -> list[tf.Tensor]:
  """Fills every group of every layer up to N weights, those of the largest score first.

  Raises:
    UserError: the ranking goes across layers, which has no groups.
  """
  return [_grow(*args, m) for args in zip(scores, counts, kept, strict=True)]


def _grow(score, count, kept, m):
  if score.shape.rank < 2:
    raise errors.UserError('N:M masks need a ranking layer by layer: across_layers = False.')
  if score.shape[-2] % m:
    return masks.top_k_mask(score, count)
  n = (masks.nonzeros(kept) + count) * m // score.shape.num_elements()
  return top_n_of_m(tf.where(kept, score.dtype.max, score), n, m) & ~kept


def top_n_of_m(score: tf.Tensor, n: tf.Tensor | int, m: int) -> tf.Tensor:
  """Marks the n largest of every m scores along the last dimension but one, [..., C_in, C_out]."""
  *front, c_in, c_out = score.shape
  groups = tf.transpose(tf.reshape(score, [-1, c_in // m, m, c_out]), [0, 1, 3, 2])
  order = tf.math.top_k(groups, m).indices  # [..., rank] -> place in the group
  chosen = tf.one_hot(order, m, True, False, dtype=tf.bool) & (tf.range(m) < n)[:, None]
  return tf.reshape(tf.transpose(tf.reduce_any(chosen, axis=-2), [0, 1, 3, 2]), [*front, c_in, c_out])
