"""In-time over-parameterization: how much of a network has been tried so far (Liu et al., 2021, ITOP)."""

from collections.abc import Sequence

import tensorflow as tf

from tf_stugan import compat
from tf_stugan.sparsity import masks
from tf_stugan.sparsity.masks import MaskedVariable


class ExplorationRate(tf.Module):
  """R_s = |union of all masks so far| / |weights|, in [0, 1], over the masked layers; the first masks count."""

  def initialize(self, variables: Sequence[MaskedVariable]) -> None:
    self._variables = list(variables)
    self.explored = [tf.Variable(v.mask, trainable=False) for v in variables]

  def update(self) -> None:
    """Takes in the present masks."""
    for variable, explored in zip(self._variables, self.explored, strict=True):
      compat.assign(explored, explored | variable.mask)

  def restart(self) -> None:
    """Forgets what was explored; the present masks become the first ones."""
    for variable, explored in zip(self._variables, self.explored, strict=True):
      explored.assign(variable.mask)

  def rates(self) -> dict[str, float]:
    """Returns the rates by layer name."""
    return {
        v.name: int(masks.nonzeros(e)) / e.shape.num_elements()
        for v, e in zip(self._variables, self.explored, strict=True)}

  def total(self) -> float:
    """Returns the rate over all masked layers together."""
    explored = sum(int(masks.nonzeros(e)) for e in self.explored)
    return explored / sum(e.shape.num_elements() for e in self.explored)
