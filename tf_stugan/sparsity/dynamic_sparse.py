"""Dynamic sparse training: drop the weights of least worth, regrow as many elsewhere (SET, RigL, STU-GAN, SDST)."""

import tensorflow as tf

from tf_stugan import compat
from tf_stugan.sparsity import distributions
from tf_stugan.sparsity import masks
from tf_stugan.sparsity import scores
from tf_stugan.sparsity.schedules import UpdateSchedule
from tf_stugan.sparsity.static_sparse import StaticSparse


def drop_and_regrow(mask: tf.Tensor, drop_score: tf.Tensor, grow_score: tf.Tensor, drop_fraction: tf.Tensor,
                    regrow_dropped: bool) -> tf.Tensor:
  """Moves ceil(drop_fraction * nonzeros) weights; the number of weights stays as it is.

  Args:
    mask: bool, any shape.
    drop_score: of the mask's shape, >= 0; active weights with the smallest are dropped.
    grow_score: of the mask's shape, >= 0; inactive weights with the largest grow.
    drop_fraction: float32 scalar in [0, 1].
    regrow_dropped: whether what was just dropped may grow again at once.

  Returns:
    The new mask.
  """
  active = masks.nonzeros(mask)
  moved = tf.cast(tf.math.ceil(drop_fraction * tf.cast(active, tf.float32)), tf.int32)
  if not regrow_dropped:
    moved = tf.minimum(moved, mask.shape.num_elements() - active)
  kept = masks.top_k_mask(tf.where(mask, drop_score, -1.0), active - moved)
  ineligible = kept if regrow_dropped else mask
  grown = masks.top_k_mask(tf.where(ineligible, -1.0, grow_score), moved)
  return kept | grown


class DynamicSparse(StaticSparse):
  """STU-GAN's exploration by default: drop by magnitude, regrow by gradient, each layer keeping its count.

  The one mechanism behind SET (grow_score `random`), RigL (`gradient`) and ADAPT's DST (`across_layers=True`).

  Args:
    density, distribution, sample_mask: as in `StaticSparse`.
    schedule: when, and how much.
    drop_score, grow_score: what a weight is worth.
    across_layers: one ranking over all layers, instead of one a layer; densities of layers then drift.
    regrow_dropped: whether a weight may be dropped and regrown by the same update, keeping its value (STU-GAN and
      ADAPT code) or not (RigL).
    reset_optimizer_state: zero the optimizer's moments of regrown weights (RigL); the STU-GAN code keeps them.
  """

  def __init__(self, density: float, schedule: UpdateSchedule,
               distribution: distributions.Distribution = distributions.erk,
               sample_mask: masks.MaskSampler = masks.exact_mask,
               drop_score: scores.Score = scores.magnitude, grow_score: scores.Score = scores.gradient,
               across_layers: bool = False, regrow_dropped: bool = True, reset_optimizer_state: bool = False,
               name: str | None = None):
    super().__init__(density, distribution, sample_mask, name=name)
    self.schedule = schedule
    self.drop_score = drop_score
    self.grow_score = grow_score
    self.across_layers = across_layers
    self.regrow_dropped = regrow_dropped
    self.reset_optimizer_state = reset_optimizer_state

  def is_update_step(self, step):
    return self.schedule.is_update_step(step)

  def update(self, variables, gradients, step, seed):
    old = [tf.identity(v.mask) for v in variables]
    drop, grow = [], []
    for i, (variable, gradient) in enumerate(zip(variables, gradients, strict=True)):
      drop.append(self.drop_score(variable.weight, gradient, _fold(seed, 2 * i)))
      grow.append(self.grow_score(variable.weight, gradient, _fold(seed, 2 * i + 1)))
    groups = [_flatten(tensors) for tensors in (old, drop, grow)] if self.across_layers else [old, drop, grow]
    fraction = self.schedule.drop_fraction(step)
    new = [drop_and_regrow(*group, fraction, self.regrow_dropped) for group in zip(*groups, strict=True)]
    if self.across_layers:
      new = _unflatten(new[0], [mask.shape for mask in old])
    for variable, mask in zip(variables, new, strict=True):
      compat.assign(variable.mask, mask)
    return [mask & ~before for mask, before in zip(new, old, strict=True)]


def _fold(seed, data):
  return tf.random.experimental.stateless_fold_in(seed, data)


def _flatten(tensors):
  return [tf.concat([tf.reshape(t, [-1]) for t in tensors], axis=0)]


def _unflatten(flat, shapes):
  parts = tf.split(flat, [shape.num_elements() for shape in shapes])
  return [tf.reshape(part, shape) for part, shape in zip(parts, shapes, strict=True)]
