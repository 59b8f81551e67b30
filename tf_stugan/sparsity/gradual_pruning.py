"""Gradual magnitude pruning (Zhu and Gupta, 2017, https://arxiv.org/abs/1710.01878): dense first, then ever sparser."""

import tensorflow as tf

from tf_stugan import compat
from tf_stugan import errors
from tf_stugan.sparsity import rewiring
from tf_stugan.sparsity import scores
from tf_stugan.sparsity.method import SparsityMethod


_FORETOLD = 500  # prunings


class GradualPruning(SparsityMethod):
  """Density falls from 1 to `density` along a cubic; pruned weights stay pruned.

  The schedule is tfmot's PolynomialDecay: sparsity = s_f - s_f (1 - x)^3, with x the progress between begin and end.

  Args:
    density: at the end, in (0, 1].
    total_steps: length of the run, in steps, at least 2.
    update_interval: steps between two prunings.
    begin, end: of pruning, as shares of `total_steps`.
    across_layers: one ranking over all layers (the STU-GAN authors' code), or the same density in each.
    drop_score: what a weight is worth.
  """

  def __init__(self, density: float, total_steps: int, update_interval: int = 1000, begin: float = 0.1, end: float = 0.8,
               across_layers: bool = True, drop_score: scores.Score = scores.magnitude, name: str | None = None):
    super().__init__(name=name)
    errors.check_density(density)
    errors.check_counts(self, 2, total_steps=total_steps)
    errors.check_counts(self, update_interval=update_interval)
    if not 0 <= begin < end <= 1:
      raise errors.UserError(f'GradualPruning needs 0 <= begin < end <= 1; got {begin} and {end}.')
    self.density = density
    self.begin_step = min(max(1, round(begin * total_steps)), total_steps - 1)
    self.end_step = max(self.begin_step + 1, round(end * total_steps))
    self._update_steps = (*range(self.begin_step, self.end_step, update_interval), self.end_step)
    self.across_layers = across_layers
    self.drop_score = drop_score
    self._schedule = compat.PolynomialDecay(0.0, 1 - density, self.begin_step, self.end_step, power=3)

  def update_steps(self):
    """Lists every interval from the beginning, and the end, so that the density is reached."""
    return self._update_steps

  def density_steps(self):
    """Lists, of more than 500 prunings, only each second, third ... one, or to predict a long run's cost would take long."""
    every = -(-len(self._update_steps) // _FORETOLD)
    return (*self._update_steps[:-1:every], self.end_step)

  def is_settled(self, step):
    return step >= self.end_step

  def expected_densities(self, shapes, step):
    return dict.fromkeys(shapes, float(self._density(tf.constant(step))) if step >= self.begin_step else 1.0)

  def update(self, variables, gradients, step, seed, balance_ratio=None):
    return rewiring.prune(variables, gradients, seed, self._density(step), self.drop_score, self.across_layers)

  def _density(self, step):
    return 1 - self._schedule(tf.cast(step, tf.int32))[1]
