"""Dynamic sparse training: drop the weights of least worth, regrow as many elsewhere (SET, RigL, STU-GAN, SDST)."""

import inspect

import tensorflow as tf

from tf_stugan import compat
from tf_stugan import errors
from tf_stugan.sparsity import distributions
from tf_stugan.sparsity import masks
from tf_stugan.sparsity import rewiring
from tf_stugan.sparsity import scores
from tf_stugan.sparsity import units as units_lib
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
    units: what is dropped and grown as a whole, `units.whole_channels` with `sample_mask` `units.sample_mask`.
    share: how many of the active weights an update moves: `rewiring.share` rounds up, `truncated_share` (ADAPT) down.
    momentum: 0 ranks growth by the gradient of the last batch; else by a running mean of all steps' gradients that keeps
      this share of itself at each step, 0.9 in sparse momentum (Dettmers and Zettlemoyer, 2019,
      https://arxiv.org/abs/1907.04840). It is the method's own, since the optimizer may keep none (beta_1 = 0).
    reset_optimizer_state: zero the optimizer's moments of regrown weights (RigL); the STU-GAN code keeps them.
  """

  is_static = False

  def __init__(self, density: float, schedule: UpdateSchedule,
               distribution: distributions.Distribution = distributions.erk,
               sample_mask: masks.MaskSampler = masks.exact_mask,
               drop_score: scores.Score = scores.magnitude, grow_score: scores.Score = scores.gradient,
               across_layers: bool = False, regrow_dropped: bool = True,
               grow_mask: rewiring.GrowMask = rewiring.grow_anywhere, units: units_lib.Units = units_lib.single_weights,
               share: rewiring.Share = rewiring.share, momentum: float = 0.0,
               reset_optimizer_state: bool = False, name: str | None = None):
    super().__init__(density, distribution, sample_mask, name=name)
    if across_layers and inspect.unwrap(grow_mask) is not rewiring.grow_anywhere:
      raise errors.UserError('DynamicSparse.grow_mask looks at one layer (N:M masks do): set across_layers = False.')
    if inspect.unwrap(units) is not units_lib.single_weights and (
        across_layers or inspect.unwrap(grow_mask) is not rewiring.grow_anywhere):
      raise errors.UserError('DynamicSparse.units are ranked layer by layer, and grow anywhere in it: set across_layers = '
                             'False, and leave grow_mask out.')
    if not 0 <= momentum < 1:
      raise errors.UserError(f'{type(self).__name__}.momentum is a number in [0, 1); got {momentum!r}.')
    self.schedule = schedule
    self.drop_score = drop_score
    self.grow_score = grow_score
    self.across_layers = across_layers
    self.regrow_dropped = regrow_dropped
    self.grow_mask = grow_mask
    self.units = units
    self.share = share
    self.momentum = momentum
    self.reset_optimizer_state = reset_optimizer_state

  def initialize(self, variables, seed):
    super().initialize(variables, seed)
    if self.momentum:
      self._means = [tf.Variable(tf.zeros(v.weight.shape), trainable=False) for v in variables]

  def observe(self, gradients):
    if self.momentum:
      for mean, gradient in zip(self._means, gradients, strict=True):
        compat.assign(mean, self.momentum * mean + (1 - self.momentum) * gradient)

  def update_steps(self):
    return self.schedule.update_steps()

  def density_steps(self):
    return ()

  def update(self, variables, gradients, step, seed, balance_ratio=None):
    fraction = self.schedule.drop_fraction(step)

    def counts(active, size):
      moved = self.share(fraction, active)
      if not self.regrow_dropped:
        moved = tf.minimum(moved, size - active)
      return moved, moved
    return self._rewire(variables, gradients, seed, counts)

  def _rewire(self, variables, gradients, seed, counts):
    if self.momentum:
      gradients = [tf.convert_to_tensor(mean) for mean in self._means]
    return rewiring.rewire(
        variables, gradients, seed, counts, drop_score=self.drop_score, grow_score=self.grow_score,
        across_layers=self.across_layers, regrow_dropped=self.regrow_dropped, grow_mask=self.grow_mask,
        units=self.units)
