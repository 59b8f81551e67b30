"""How evenly the two sides of a game are matched: the balance ratio (Balanced Training for Sparse GANs, Wang et al., 2023).

One update of the generator moves the mean score of its images from D(G(z)) to D(G'(z)); real images score D(x). The ratio

    BR = alpha / beta,  alpha = E[D(G'(z))] - E[D(G(z))],  beta = E[D(x)] - E[D(G(z))]

is the share of the gap that one update closes: near 0 the discriminator is too strong, large it is too weak.
"""

from collections.abc import Callable

import tensorflow as tf

from tf_stugan import compat
from tf_stugan import errors

Estimate = Callable[[tf.Tensor], tf.Tensor]  # [n, 3], of (before, after, real) -> scalar


def mean_of_ratios(measured: tf.Tensor) -> tf.Tensor:
  """Averages alpha / beta, as the authors' code has it: a beta near 0 dominates, 0 / 0 makes it NaN."""
  before, after, real = tf.unstack(measured, axis=1)
  return tf.reduce_mean((after - before) / (real - before))


def ratio_of_means(measured: tf.Tensor) -> tf.Tensor:
  """Divides mean alpha by mean beta, as the paper defines it: steady while single betas pass through 0."""
  before, after, real = tf.unstack(tf.reduce_mean(measured, axis=0))
  return (after - before) / (real - before)


def taken_for_generated(measured: tf.Tensor) -> tf.Tensor:
  """Returns the share of real images whose score is not positive; column 2 holds the share whose score is."""
  return 1 - tf.reduce_mean(measured[:, 2])


class BalanceRatio(tf.Module):
  """The balance ratio over the last `window` measurements; they are state, so that a resumed run goes on exactly.

  Args:
    interval: steps between two measurements; each costs one generator forward and two discriminator forwards.
    window: measurements that count. Decisions of the published ADAPT runs see 100 measurements, 10 steps apart.
    estimate: `mean_of_ratios` or `ratio_of_means`.
    signs: ADAPT's other criterion in the place of the ratio: the share of real images that the discriminator takes for
      generated ones, those of a score <= 0. It is near 0, too, where the discriminator is too strong, but other bounds go
      with it.
  """

  def __init__(self, interval: int = 10, window: int = 100, estimate: Estimate = mean_of_ratios,
               signs: bool = False, name: str | None = None):
    super().__init__(name=name)
    errors.check_counts(self, interval=interval, window=window)
    self.interval = interval
    self.window = window
    self.estimate = taken_for_generated if signs else estimate
    self.signs = signs
    self._measured = tf.Variable(tf.zeros([window, 3], tf.float64), trainable=False, name='measured')  # newest last
    self._count = tf.Variable(0, trainable=False, dtype=tf.int64, name='count')

  def is_measurement_step(self, step: int) -> bool:
    """Tells whether the ratio is measured at `step`, counted from 1."""
    return step % self.interval == 0

  def counted(self, scores: tf.Tensor) -> tf.Tensor:
    """Returns what `add` wants the mean of: scores, or with `signs` 1 for those above 0, else 0."""
    return tf.cast(scores > 0, tf.float32) if self.signs else scores

  def add(self, before: tf.Tensor, after: tf.Tensor, real: tf.Tensor) -> None:
    """Takes in one measurement: means over the global batch, scalars, the latter two of what is `counted`."""
    newest = tf.cast(tf.stack([before, after, real]), tf.float64)
    compat.assign(self._measured, tf.concat([self._measured[1:], newest[None]], axis=0))
    compat.assign(self._count, self._count + 1)

  def decision_value(self) -> tf.Tensor:
    """Returns the ratio in the graph, float64; NaN until the window is full."""
    return tf.where(self._count >= self.window, self.estimate(self._measured), tf.constant(float('nan'), tf.float64))

  def value(self) -> float:
    """Returns the ratio over what was measured so far, at most a window; NaN before the first measurement."""
    count = min(int(self._count.numpy()), self.window)
    return float(self.estimate(self._measured[-count:])) if count else float('nan')
