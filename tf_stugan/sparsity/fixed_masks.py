"""Masks that come from elsewhere and stay."""

from tf_stugan import errors
from tf_stugan.sparsity.method import SparsityMethod


class FixedMasks(SparsityMethod):
  """Keeps every weight until a procedure assigns the masks, and never changes these.

  Args:
    density: of the masks that will be assigned, over all layers together, in (0, 1].
  """

  is_static = True
  across_layers = True

  def __init__(self, density: float, name: str | None = None):
    super().__init__(name=name)
    errors.check_density(density)
    self.density = density

  def expected_densities(self, shapes, step):
    return dict.fromkeys(shapes, self.density)
