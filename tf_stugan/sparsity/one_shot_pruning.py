"""Pruning once: before training (SNIP), or a trained network that is then fine-tuned."""

import inspect

import tensorflow as tf

from tf_stugan import compat
from tf_stugan import errors
from tf_stugan.sparsity import rankings
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
    ranking: what the score is made of: `rankings.gradient`; `rankings.hessian_gradient`, with `scores.gradient_flow` GraSP
      (Wang et al., 2020, https://arxiv.org/abs/2002.07376); `rankings.synaptic_flow`, with `scores.saliency` SynFlow
      (Tanaka et al., 2020, https://arxiv.org/abs/2006.05467).
    rounds: in which it is pruned: round k prunes to density^(k / rounds); 100 for SynFlow. Other rankings and more rounds
      are for a pruning before training.
  """

  def __init__(self, density: float, prune_step: int = 0, score: scores.Score = scores.magnitude,
               across_layers: bool = True, ranking: rankings.Ranking = rankings.gradient, rounds: int = 1,
               name: str | None = None):
    super().__init__(name=name)
    errors.check_density(density)
    errors.check_counts(self, 0, prune_step=prune_step)
    errors.check_counts(self, rounds=rounds)
    self.density = density
    self.prune_step = prune_step
    self.score = score
    if prune_step and (inspect.unwrap(ranking) is not rankings.gradient or rounds > 1):
      raise errors.UserError('OneShotPruning.ranking and rounds are for a pruning before training: set prune_step = 0.')
    self.across_layers = across_layers
    self.ranking = ranking
    self.rounds = rounds
    self._round = tf.Variable(0, trainable=False, dtype=tf.int64, name='round') if rounds > 1 else None

  def update_steps(self):
    return (self.prune_step,)

  def is_settled(self, step):
    return step >= self.prune_step

  def expected_densities(self, shapes, step):
    return dict.fromkeys(shapes, 1.0 if step < self.prune_step else self.density)

  def update(self, variables, gradients, step, seed, balance_ratio=None):
    return rewiring.prune(variables, gradients, seed, self._next_density(), self.score, self.across_layers)

  def _next_density(self):
    """Returns the density of the round at hand, and counts it; another player may have more rounds."""
    if self._round is None:
      return self.density
    done = tf.minimum(tf.convert_to_tensor(self._round) + 1, self.rounds)
    compat.assign(self._round, done)
    return tf.constant(self.density, tf.float64) ** (tf.cast(done, tf.float64) / self.rounds)
