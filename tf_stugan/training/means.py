"""Keeps running means of what a step reports in variables, so that a resumed run reports the same numbers."""

from collections.abc import Mapping, Sequence

import tensorflow as tf

from tf_stugan import compat


class Means(tf.Module):
  """Arithmetic means of named scalars since the last `reset`."""

  def __init__(self, names: Sequence[str], name: str | None = None):
    super().__init__(name=name)
    self._names = tuple(names)
    self._totals = tf.Variable(tf.zeros([len(names)]), trainable=False, name='totals')
    self._counts = tf.Variable(tf.zeros([len(names)]), trainable=False, name='counts')

  def add(self, scalars: Mapping[str, tf.Tensor]) -> None:
    """Adds values to the means, by name: float scalars, equal on every replica."""
    indices = tf.constant([[self._names.index(name)] for name in scalars])
    values = tf.stack(list(scalars.values()))
    size = [len(self._names)]
    compat.assign(self._totals, self._totals + tf.scatter_nd(indices, values, size))
    compat.assign(self._counts, self._counts + tf.scatter_nd(indices, tf.ones_like(values), size))

  def result(self) -> dict[str, float]:
    """Returns the means so far, without names that have got no value."""
    totals, counts = self._totals.numpy(), self._counts.numpy()
    return {name: float(t / c) for name, t, c in zip(self._names, totals, counts, strict=True) if c}

  def reset(self) -> None:
    self._totals.assign(tf.zeros_like(self._totals))
    self._counts.assign(tf.zeros_like(self._counts))
