"""Keeps float16 gradients above zero (Micikevicius et al., 2018, https://arxiv.org/abs/1710.03740, section 3.2)."""

from collections.abc import Sequence

import tensorflow as tf

from tf_stugan import compat

_QUIET_STEPS = 2000  # without an overflow, before the scale is doubled


class LossScale(tf.Module):
  """Multiplies a loss before its gradient is taken, and divides the gradient by as much.

  A gradient that overflows counts as zero, and the scale is halved; after 2,000 steps without overflow it is doubled. The
  scale is saved in checkpoints. Unlike Keras' LossScaleOptimizer it needs no branch in the graph, so that it works
  with every strategy and XLA, and regrowth ranks unscaled gradients.
  """

  def __init__(self, initial: float = 2.0**15, name: str | None = None):
    super().__init__(name=name)
    self.scale = tf.Variable(initial, trainable=False, name='scale')
    self.quiet = tf.Variable(0, trainable=False, name='quiet_steps')

  def scaled(self, loss: tf.Tensor) -> tf.Tensor:
    """Returns the loss that the gradient is taken of."""
    return loss * self.scale

  def unscaled(self, gradients: Sequence[tf.Tensor]) -> tuple[list[tf.Tensor], tf.Tensor]:
    """Returns (gradients of the unscaled loss, whether all were finite); they are zero if any was not.

    Args:
      gradients: of the scaled loss, equal on all replicas.
    """
    finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(g)) for g in gradients])
    return [tf.where(finite, g / self.scale, tf.zeros_like(g)) for g in gradients], finite

  def adjust(self, finite: tf.Tensor) -> None:
    """Halves the scale after gradients that were not finite, and doubles it after enough that were."""
    scale, quiet = tf.convert_to_tensor(self.scale), self.quiet + 1
    grow = finite & (quiet >= _QUIET_STEPS)
    compat.assign(self.scale, tf.where(finite, tf.where(grow, 2 * scale, scale), tf.maximum(scale / 2, 1.0)))
    compat.assign(self.quiet, tf.where(finite & ~grow, quiet, 0))
