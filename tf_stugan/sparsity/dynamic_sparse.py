"""Dynamic sparse training: drop the weights of least worth, regrow as many elsewhere (SET, RigL, STU-GAN, SDST)."""

import inspect

import tensorflow as tf

from tf_stugan import errors
from tf_stugan.sparsity import distributions
from tf_stugan.sparsity import masks
from tf_stugan.sparsity import rewiring
from tf_stugan.sparsity import scores
from tf_stugan.sparsity.schedules import UpdateSchedule
from tf_stugan.sparsity.static_sparse import StaticSparse


class DynamicSparse(StaticSparse):
  """STU-GAN's exploration by default: drop by magnitude, regrow by gradient, each layer keeping its count.

  The one mechanism behind SET (grow_score `random`), RigL (`gradient`) and SDST (`across_layers=True`).

  Args:
    density, distribution, sample_mask: as in `StaticSparse`.
    schedule: when, and how much.
    drop_score, grow_score: what a weight is worth.
    across_layers: one ranking over all layers, instead of one a layer; densities of layers then drift.
    regrow_dropped: whether a weight may be dropped and regrown by the same update, keeping its value (STU-GAN and
      ADAPT code) or not (RigL).
    grow_mask: `rewiring.grow_anywhere`, or `n_of_m.grow_mask` with `sample_mask` `n_of_m.sample_mask`.
    reset_optimizer_state: zero the optimizer's moments of regrown weights (RigL); the STU-GAN code keeps them.
  """

  is_static = False

  def __init__(self, density: float, schedule: UpdateSchedule,
               distribution: distributions.Distribution = distributions.erk,
               sample_mask: masks.MaskSampler = masks.exact_mask,
               drop_score: scores.Score = scores.magnitude, grow_score: scores.Score = scores.gradient,
               across_layers: bool = False, regrow_dropped: bool = True,
               grow_mask: rewiring.GrowMask = rewiring.grow_anywhere, reset_optimizer_state: bool = False,
               name: str | None = None):
    super().__init__(density, distribution, sample_mask, name=name)
    if across_layers and inspect.unwrap(grow_mask) is not rewiring.grow_anywhere:
      raise errors.UserError('DynamicSparse.grow_mask looks at one layer (N:M masks do): set across_layers = False.')
    self.schedule = schedule
    self.drop_score = drop_score
    self.grow_score = grow_score
    self.across_layers = across_layers
    self.regrow_dropped = regrow_dropped
    self.grow_mask = grow_mask
    self.reset_optimizer_state = reset_optimizer_state

  def is_update_step(self, step):
    return self.schedule.is_update_step(step)

  def update(self, variables, gradients, step, seed, balance_ratio=None):
    fraction = self.schedule.drop_fraction(step)

    def counts(active, size):
      moved = rewiring.share(fraction, active)
      if not self.regrow_dropped:
        moved = tf.minimum(moved, size - active)
      return moved, moved
    return self._rewire(variables, gradients, seed, counts)

  def _rewire(self, variables, gradients, seed, counts):
    return rewiring.rewire(
        variables, gradients, seed, counts, drop_score=self.drop_score, grow_score=self.grow_score,
        across_layers=self.across_layers, regrow_dropped=self.regrow_dropped, grow_mask=self.grow_mask)
