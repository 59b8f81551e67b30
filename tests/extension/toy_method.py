"""A sparsity method of somebody else: every n-th weight, others after each interval."""

import tensorflow as tf

from tf_stugan import compat
from tf_stugan.sparsity.method import SparsityMethod


class EveryNth(SparsityMethod):
  """Keeps the weights at places k, k + n, k + 2n ...; k grows by one at each update.

  Args:
    n: the density is 1 / n.
    interval: steps between updates.
  """

  def __init__(self, n: int = 2, interval: int = 2, name: str | None = None):
    super().__init__(name=name)
    self.n = n
    self.interval = interval
    self.density = 1 / n
    self._first = tf.Variable(0, trainable=False)

  def initialize(self, variables, seed):
    for variable in variables:
      compat.assign(variable.mask, self._mask(variable, 0))

  def update_steps(self):
    return range(self.interval, 10**9, self.interval)

  def expected_densities(self, shapes, step):
    return dict.fromkeys(shapes, self.density)

  def update(self, variables, gradients, step, seed, balance_ratio=None):
    compat.assign(self._first, (self._first + 1) % self.n)
    grown = []
    for variable in variables:
      new = self._mask(variable, tf.convert_to_tensor(self._first))
      grown.append(new & ~tf.convert_to_tensor(variable.mask))
      compat.assign(variable.mask, new)
    return grown

  def _mask(self, variable, first):
    places = tf.range(variable.mask.shape.num_elements())
    return tf.reshape(places % self.n == first, variable.mask.shape)
