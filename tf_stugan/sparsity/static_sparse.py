"""Static sparse training: random masks at initialization, never changed."""

import tensorflow as tf

from tf_stugan import compat
from tf_stugan import errors
from tf_stugan.sparsity import distributions
from tf_stugan.sparsity import masks
from tf_stugan.sparsity.method import SparsityMethod


class StaticSparse(SparsityMethod):
  """Keeps `density` of the masked weights, shared out over the layers by `distribution`.

  Args:
    density: share kept of all masked weights together, in (0, 1].
    distribution: `erk`, `erdos_renyi` or `uniform`.
    sample_mask: `exact_mask`, or `bernoulli_mask` as in the published code.
  """

  is_static = True

  def __init__(self, density: float, distribution: distributions.Distribution = distributions.erk,
               sample_mask: masks.MaskSampler = masks.exact_mask, name: str | None = None):
    super().__init__(name=name)
    errors.check_density(density)
    self.density = density
    self.distribution = distribution
    self.sample_mask = sample_mask

  def expected_densities(self, shapes, step):
    return self.distribution(shapes, self.density)

  def initialize(self, variables, seed):
    densities = self.distribution({v.name: tuple(v.weight.shape) for v in variables}, self.density)
    for i, variable in enumerate(variables):
      mask = self.sample_mask(
          variable.weight.shape, densities[variable.name], tf.random.experimental.stateless_fold_in(seed, i))
      if not tf.reduce_any(mask):
        raise errors.UserError(
            f'At density {self.density} the layer {variable.name} {tuple(variable.weight.shape)} would be left without '
            'a weight; choose a larger density.')
      compat.assign(variable.mask, mask)
