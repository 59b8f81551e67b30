"""The one way in which masks change: the active weights of least worth are dropped, the inactive ones of most worth grow."""

from collections.abc import Callable, Sequence
import math

import tensorflow as tf

from tf_stugan import compat
from tf_stugan import rng
from tf_stugan.rng import Seed
from tf_stugan.sparsity import masks
from tf_stugan.sparsity import scores
from tf_stugan.sparsity.masks import MaskedVariable
from tf_stugan.sparsity.units import pool
from tf_stugan.sparsity.units import single_weights
from tf_stugan.sparsity.units import spread
from tf_stugan.sparsity.units import Units

# (active weights, int32 scalar; all weights) -> (how many to drop, how many to grow); a plain 0 spares the ranking.
Counts = Callable[[tf.Tensor, int], tuple[tf.Tensor | int, tf.Tensor | int]]
# (fraction, active weights) -> how many an update moves, int32.
Share = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
# By layer: (scores, < 0 where nothing may grow; how many; what stays) -> masks of what grows.
GrowMask = Callable[[Sequence[tf.Tensor], Sequence[tf.Tensor], Sequence[tf.Tensor]], list[tf.Tensor]]


def grow_anywhere(scores_: Sequence[tf.Tensor], counts: Sequence[tf.Tensor], kept: Sequence[tf.Tensor]) -> list[tf.Tensor]:
  """Marks the largest scores, wherever they are."""
  del kept
  return masks.top_k_masks(scores_, counts)


def drop_and_grow(before: Sequence[tf.Tensor], drop_scores: Sequence[tf.Tensor], grow_scores: Sequence[tf.Tensor],
                  dropped: Sequence[tf.Tensor | int], grown: Sequence[tf.Tensor | int], regrow_dropped: bool = True,
                  grow_mask: GrowMask = grow_anywhere) -> list[tf.Tensor]:
  """Drops and grows so many weights of each mask.

  Args:
    before: masks, bool, any shapes.
    drop_scores: of the masks' shapes; active weights with the smallest are dropped.
    grow_scores: of the masks' shapes, >= 0; inactive weights with the largest grow.
    dropped: of each mask an int32 scalar, at most the number of active weights.
    grown: of each mask an int32 scalar, at most the number of weights that are inactive then.
    regrow_dropped: whether what was just dropped may grow again at once.
    grow_mask: chooses among what may grow.

  Returns:
    The new masks.
  """
  kept = before
  if not _all_zero(dropped):
    worth = [tf.where(mask, score, -math.inf) for mask, score in zip(before, drop_scores, strict=True)]
    kept = masks.top_k_masks(worth, [masks.nonzeros(mask) - n for mask, n in zip(before, dropped, strict=True)])
  if _all_zero(grown):
    return list(kept)
  ineligible = kept if regrow_dropped else before
  eligible = [tf.where(mask, -1.0, score) for mask, score in zip(ineligible, grow_scores, strict=True)]
  return [mask | new for mask, new in zip(kept, grow_mask(eligible, grown, kept), strict=True)]


def _all_zero(counts):
  """Tells whether every count is a plain 0."""
  return all(isinstance(count, int) and count == 0 for count in counts)


def rewire(variables: Sequence[MaskedVariable], gradients: Sequence[tf.Tensor], seed: Seed, counts: Counts, *,
           drop_score: scores.Score = scores.magnitude, grow_score: scores.Score = scores.gradient,
           across_layers: bool = False, regrow_dropped: bool = True,
           grow_mask: GrowMask = grow_anywhere, units: Units = single_weights) -> list[tf.Tensor]:
  """Assigns new masks to all layers of a network.

  No layer is left without a weight, or its output would be constant. A ranking across layers leaves each layer the best of
  those that it has; a layer that would lose all keeps that one beyond its count.

  Args:
    variables: with their present masks.
    gradients: dense, one for each variable.
    seed: for random scores.
    counts: how many units to drop and to grow, asked once a layer, or once for all of them.
    drop_score, grow_score: what a weight is worth.
    across_layers: one ranking over all layers, instead of one a layer; densities of layers then drift.
    regrow_dropped, grow_mask: as in `drop_and_grow`.
    units: what is dropped and grown as a whole.

  Returns:
    For each variable a bool tensor that marks what is active now and was not before.
  """
  old = [tf.identity(v.mask) for v in variables]
  drop, grow = [], []
  seeds = rng.folds(seed, 2 * len(variables))
  for variable, gradient, drop_seed, grow_seed in zip(variables, gradients, seeds[::2], seeds[1::2], strict=True):
    drop.append(drop_score(variable.weight, gradient, drop_seed))
    grow.append(grow_score(variable.weight, gradient, grow_seed))
  before, drop, grow = ([pool(tensor, units) for tensor in tensors] for tensors in (old, drop, grow))
  best = [_best(score, mask) for score, mask in zip(drop, before, strict=True)]
  if across_layers:
    drop = [tf.where(chosen, math.inf, score) for chosen, score in zip(best, drop, strict=True)]
  groups = [_flatten(tensors) for tensors in (before, drop, grow)] if across_layers else [before, drop, grow]
  moved = [counts(masks.nonzeros(mask), mask.shape.num_elements()) for mask in groups[0]]
  new = drop_and_grow(*groups, *zip(*moved, strict=True), regrow_dropped, grow_mask)
  if across_layers:
    new = _unflatten(new[0], [mask.shape for mask in before])
  new = [mask | (chosen & ~tf.reduce_any(mask)) for mask, chosen in zip(new, best, strict=True)]
  new = [spread(mask, whole.shape.as_list(), units) for mask, whole in zip(new, old, strict=True)]
  for variable, mask in zip(variables, new, strict=True):
    compat.assign(variable.mask, mask)
  return [mask & ~before for mask, before in zip(new, old, strict=True)]


def prune(variables: Sequence[MaskedVariable], gradients: Sequence[tf.Tensor], seed: Seed, density: tf.Tensor | float,
          score: scores.Score, across_layers: bool) -> list[tf.Tensor]:
  """Drops the weights of the lowest scores until `density` is left, and grows none; as `rewire`."""
  def drop_only(active, size):
    return tf.maximum(active - budget(density, size), 0), 0
  return rewire(variables, gradients, seed, drop_only, drop_score=score, across_layers=across_layers)


def _best(score, mask):
  """Marks the one of the active weights that is worth most."""
  among = tf.reshape(tf.where(mask, score, -math.inf), [-1])
  return tf.reshape(tf.range(among.shape[0]) == tf.argmax(among, output_type=tf.int32), mask.shape)


def share(fraction: tf.Tensor, active: tf.Tensor) -> tf.Tensor:
  """Returns ceil(fraction * active), as the STU-GAN code has it."""
  return tf.cast(tf.math.ceil(_float64(fraction) * tf.cast(active, tf.float64)), tf.int32)


def truncated_share(fraction: tf.Tensor, active: tf.Tensor) -> tf.Tensor:
  """Returns floor(fraction * active), as ADAPT's code has it, for SDST, too; in float64, as there."""
  return tf.cast(tf.math.floor(_float64(fraction) * tf.cast(active, tf.float64)), tf.int32)


def budget(density: tf.Tensor | float, size: int) -> tf.Tensor:
  """Returns round(density * size), int32; in float64, since float32 does not count beyond 16.7 million."""
  return tf.cast(tf.round(_float64(density) * size), tf.int32)


def _float64(number):
  """Converts a number; a plain one, such as 0.1, without a loss on the way."""
  return tf.cast(number, tf.float64) if tf.is_tensor(number) else tf.constant(number, tf.float64)


def _flatten(tensors):
  return [tf.concat([tf.reshape(t, [-1]) for t in tensors], axis=0)]


def _unflatten(flat, shapes):
  parts = tf.split(flat, [shape.num_elements() for shape in shapes])
  return [tf.reshape(part, shape) for part, shape in zip(parts, shapes, strict=True)]
