"""Pruning once: before training (SNIP), or a trained network that is then fine-tuned."""

import tensorflow as tf

from tf_stugan import compat
from tf_stugan import errors
from tf_stugan.sparsity import rewiring
from tf_stugan.sparsity import scores
from tf_stugan.sparsity.method import SparsityMethod


class OneShotPruning(SparsityMethod):
  """Dense up to the end of `prune_step`, then `density` of the weights, for good.

  With `prune_step=0` and `scores.saliency` over all layers this is SNIP (Lee et al., 2019, https://arxiv.org/abs/1810.02340):
  the gradients are those of the first batch, at the initial weights. With `scores.magnitude` at a later step it is what
  prune-and-fine-tune does; `scores.random` is the control.

  Args:
    density: kept, in (0, 1].
    prune_step: the last dense step; 0 prunes before training.
    score: what a weight is worth.
    across_layers: one ranking over all layers ("global"), or the same density in each ("uniform").
  """

  def __init__(self, density: float, prune_step: int = 0, score: scores.Score = scores.magnitude,
               across_layers: bool = True, name: str | None = None):
    super().__init__(name=name)
    errors.check_density(density)
    errors.check_counts(self, 0, prune_step=prune_step)
    self.density = density
    self.prune_step = prune_step
    self.score = score
    self.across_layers = across_layers

  def initialize(self, variables, seed):
    for variable in variables:
      compat.assign(variable.mask, tf.ones_like(variable.mask))

  def is_update_step(self, step):
    return step == self.prune_step

  def is_settled(self, step):
    return step >= self.prune_step

  def expected_densities(self, shapes, step):
    return dict.fromkeys(shapes, 1.0 if step < self.prune_step else self.density)

  def update(self, variables, gradients, step, seed, balance_ratio=None):
    return rewiring.rewire(
        variables, gradients, seed, lambda active, size: (tf.maximum(active - rewiring.budget(self.density, size), 0), 0),
        drop_score=self.score, across_layers=self.across_layers)
