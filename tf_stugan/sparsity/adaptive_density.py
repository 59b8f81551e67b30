"""ADAPT: the density of a network follows the balance of the game (Balanced Training for Sparse GANs, Wang et al., 2023)."""

import tensorflow as tf

from tf_stugan import compat
from tf_stugan import errors
from tf_stugan.sparsity import distributions
from tf_stugan.sparsity import masks
from tf_stugan.sparsity import rewiring
from tf_stugan.sparsity import scores
from tf_stugan.sparsity.dynamic_sparse import DynamicSparse
from tf_stugan.sparsity.schedules import UpdateSchedule


class AdaptiveDensity(DynamicSparse):
  """For the discriminator: grows where the balance ratio is large (it is too weak), shrinks where it is small.

  At an update step, with d the present density and BR the balance ratio:

      BR >= upper_bound:  d < cap:   d <- min(cap, d + increment); weights grow by `grow_score`, none is dropped
                          d = cap:   one step of dynamic sparse training, with the schedule's drop fraction
      BR <= lower_bound:  d <- max(floor, d - increment); weights of the smallest `drop_score` are dropped
      between, or while BR is not known (NaN): nothing

  Rankings go over all layers together, so that the distribution drifts away from the initial one. ADAPT_relax has
  cap = 1 (the step at the cap then moves nothing), ADAPT_strict 0.5. Both bounds are inclusive, as in the authors' code.

  Args:
    density: to begin with; the generator's in the paper.
    schedule: when; its drop fraction is for the steps at the cap.
    increment: of the density, in points, (0, 1].
    lower_bound, upper_bound: B- and B+.
    floor, cap: the densities between which it stays.
    distribution, sample_mask, drop_score, grow_score, regrow_dropped, share, momentum, reset_optimizer_state: as in
      `DynamicSparse`.
  """

  needs_balance_ratio = True

  def __init__(self, density: float, schedule: UpdateSchedule, increment: float = 0.05, lower_bound: float = 0.45,
               upper_bound: float = 0.55, floor: float = 0.05, cap: float = 1.0,
               distribution: distributions.Distribution = distributions.erk,
               sample_mask: masks.MaskSampler = masks.exact_mask,
               drop_score: scores.Score = scores.magnitude, grow_score: scores.Score = scores.gradient,
               regrow_dropped: bool = True, share: rewiring.Share = rewiring.share, momentum: float = 0.0,
               reset_optimizer_state: bool = False, name: str | None = None):
    super().__init__(density, schedule, distribution, sample_mask, drop_score, grow_score, across_layers=True,
                     regrow_dropped=regrow_dropped, share=share, momentum=momentum,
                     reset_optimizer_state=reset_optimizer_state, name=name)
    if not 0 < floor <= cap <= 1:
      raise errors.UserError(f'AdaptiveDensity needs 0 < floor <= cap <= 1; got floor {floor} and cap {cap}.')
    if not 0 < increment <= 1:
      raise errors.UserError(f'AdaptiveDensity needs an increment in (0, 1]; got {increment}.')
    if not lower_bound <= upper_bound:
      raise errors.UserError(
          f'AdaptiveDensity needs lower_bound <= upper_bound; got {lower_bound} and {upper_bound}.')
    self.increment = increment
    self.lower_bound = lower_bound
    self.upper_bound = upper_bound
    self.floor = floor
    self.cap = cap
    self._target = tf.Variable(density, trainable=False, dtype=tf.float64, name='density')

  def update(self, variables, gradients, step, seed, balance_ratio=None):
    balance_ratio = tf.constant(float('nan'), tf.float64) if balance_ratio is None else balance_ratio
    grow, shrink = balance_ratio >= self.upper_bound, balance_ratio <= self.lower_bound
    before = tf.convert_to_tensor(self._target)
    after = self.next_density(before, balance_ratio)
    fraction = self.schedule.drop_fraction(step)

    def counts(active, size):
      target = rewiring.budget(after, size)
      moved = self.share(fraction, active)
      if not self.regrow_dropped:
        moved = tf.minimum(moved, size - active)
      explored = tf.where(grow & (after == before), moved, 0)
      added = tf.where(grow & (after > before), tf.maximum(target - active, 0), 0)
      removed = tf.where(shrink, tf.maximum(active - target, 0), 0)
      return explored + removed, explored + added
    compat.assign(self._target, after)
    return self._rewire(variables, gradients, seed, counts)

  def next_density(self, density: tf.Tensor, balance_ratio: tf.Tensor) -> tf.Tensor:
    """Computes the density after an update: both are float64 scalars; a NaN ratio changes nothing."""
    larger = tf.maximum(density, tf.minimum(tf.constant(self.cap, tf.float64), density + self.increment))
    smaller = tf.minimum(density, tf.maximum(tf.constant(self.floor, tf.float64), density - self.increment))
    return tf.where(balance_ratio >= self.upper_bound, larger, tf.where(balance_ratio <= self.lower_bound, smaller, density))
