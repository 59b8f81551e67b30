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
    ranks_by: 'gradient': the score is made of that; 'hessian': of the Hessian times the gradient, with
      `scores.gradient_flow` this is GraSP (Wang et al., 2020, https://arxiv.org/abs/2002.07376); 'flow': of the gradient of
      the synaptic flow, with `scores.saliency` this is SynFlow (Tanaka et al., 2020, https://arxiv.org/abs/2006.05467).
    rounds: in which it is pruned, to density^(k / rounds) by the k-th; 100 for SynFlow. Other than 'gradient' in one round
      is for a pruning before training.
  """

  def __init__(self, density: float, prune_step: int = 0, score: scores.Score = scores.magnitude,
               across_layers: bool = True, ranks_by: str = 'gradient', rounds: int = 1,
               name: str | None = None):
    super().__init__(name=name)
    errors.check_density(density)
    errors.check_counts(self, 0, prune_step=prune_step)
    errors.check_counts(self, rounds=rounds)
    if ranks_by not in ('gradient', 'hessian', 'flow'):
      raise errors.UserError(f"OneShotPruning.ranks_by is 'gradient', 'hessian' or 'flow'; got {ranks_by!r}.")
    self.density = density
    self.prune_step = prune_step
    self.score = score
    if prune_step and (ranks_by != 'gradient' or rounds > 1):
      raise errors.UserError('OneShotPruning.ranks_by and rounds are for a pruning before training: set prune_step = 0.')
    self.across_layers = across_layers
    self.ranks_by = ranks_by
    self.rounds = rounds
    self._round = tf.Variable(0, trainable=False, dtype=tf.int64) if rounds > 1 else None

  def initialize(self, variables, seed):
    for variable in variables:
      compat.assign(variable.mask, tf.ones_like(variable.mask))

  def update_steps(self):
    return (self.prune_step,)

  def is_settled(self, step):
    return step >= self.prune_step

  def expected_densities(self, shapes, step):
    return dict.fromkeys(shapes, 1.0 if step < self.prune_step else self.density)

  def update(self, variables, gradients, step, seed, balance_ratio):
    density = self._next_density()
    return rewiring.rewire(
        variables, gradients, seed, lambda active, size: (tf.maximum(active - rewiring.budget(density, size), 0), 0),
        drop_score=self.score, across_layers=self.across_layers)

  def _next_density(self):
    """That of the round at hand, which is the next one from here on; the rounds of another player may be more."""
    if self._round is None:
      return self.density
    done = tf.minimum(tf.convert_to_tensor(self._round) + 1, self.rounds)
    compat.assign(self._round, done)
    return tf.constant(self.density, tf.float64) ** (tf.cast(done, tf.float64) / self.rounds)
