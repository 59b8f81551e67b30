"""Batch normalization as the papers' PyTorch code has it, plain and conditional."""

from collections.abc import Callable, Iterator
import contextlib
import contextvars
import math
from typing import NamedTuple


import tensorflow as tf

from tf_stugan.compat import keras

Projection = Callable[[int, str], keras.layers.Layer]  # (units, name) -> a layer: condition -> [N, units]


class Moments(NamedTuple):
  """What one layer saw of one batch: mean and (biased) variance over images and positions, each [C]."""

  layer: 'BatchNorm'
  mean: tf.Tensor
  variance: tf.Tensor


_SEEN: contextvars.ContextVar[list[Moments] | None] = contextvars.ContextVar('seen', default=None)


@contextlib.contextmanager
def batch_statistics() -> Iterator[list[Moments]]:
  """In it, `BatchNorm` called (or traced) with training=False normalizes by the batch at hand, and changes nothing.

  Yields:
    A list that fills with the moments of each call: their averages over some batches are standing statistics.
  """
  seen = []
  token = _SEEN.set(seen)
  try:
    yield seen
  finally:
    _SEEN.reset(token)


def set_standing_statistics(run: Callable[[int], None], batches: int) -> None:
  """Replaces the running statistics of the layers that `run` calls by means over batches.

  Args:
    run: called with 0 .. batches - 1, eagerly; calls a network on that batch, with training=False.
    batches: how many.
  """
  history = []
  for batch in range(batches):
    with batch_statistics() as seen:
      run(batch)
    history.append(seen)
  for of_layer in zip(*history, strict=True):
    layer = of_layer[0].layer
    layer.moving_mean.assign(tf.add_n([m.mean for m in of_layer]) / batches)
    layer.moving_variance.assign(tf.add_n([m.variance for m in of_layer]) / batches)


class BatchNorm(keras.layers.BatchNormalization):
  """x [N, H, W, C] -> (x - mean) / sqrt(variance + epsilon) * gamma + beta; the condition is ignored.

  Under more than one replica the statistics are those of the global batch: otherwise each replica would keep running
  statistics of its own, and a resumed run could not be bit-identical.

  Args:
    name: of the layer.
    momentum: the share of the old running statistic.
    epsilon: added to the variance.
    gamma_stddev: gamma ~ N(1, gamma_stddev) at first; beta = 0.
    affine: False leaves gamma and beta out.

  Attributes:
    values: how many it puts out for one image; the papers' cost tables count them. Known once built.
  """

  values = 0

  def __init__(self, name: str | None = None, momentum: float = 0.9, epsilon: float = 1e-5, gamma_stddev: float = 0.02,
               affine: bool = True):
    super().__init__(
        momentum=momentum, epsilon=epsilon, gamma_initializer=keras.initializers.RandomNormal(1.0, gamma_stddev),
        center=affine, scale=affine, name=name,
        synchronized=tf.distribute.get_strategy().num_replicas_in_sync > 1)

  def build(self, input_shape):
    self.values = math.prod(input_shape[1:])
    super().build(input_shape)

  def call(self, x, condition=None, training=False):
    del condition
    seen = _SEEN.get()
    if seen is None or training:
      return super().call(x, training=training)
    mean, variance = tf.nn.moments(x, [0, 1, 2])
    seen.append(Moments(self, mean, variance))
    return tf.nn.batch_normalization(x, mean, variance, self.beta, self.gamma, self.epsilon)


class ConditionalBatchNorm(keras.layers.Layer):
  """x [N, H, W, C] -> normalized x * (1 + gain(condition)) + bias(condition). De Vries et al., 2017; BigGAN, Appendix B.

  Args:
    projection: makes the layers that map the condition to gain and bias, [N, C] each.
    name: of the layer.
    momentum, epsilon: as in `BatchNorm`.
  """

  def __init__(self, projection: Projection, name: str | None = None, momentum: float = 0.9, epsilon: float = 1e-5):
    super().__init__(name=name)
    self.projection = projection
    self.norm = BatchNorm('norm', momentum, epsilon, affine=False)

  def build(self, input_shape):
    self.gain = self.projection(input_shape[-1], 'gain')
    self.bias = self.projection(input_shape[-1], 'bias')
    super().build(input_shape)

  def call(self, x, condition, training=False):
    gain = self.gain(condition, training=training)[:, None, None, :]
    bias = self.bias(condition, training=training)[:, None, None, :]
    return self.norm(x, training=training) * (1 + gain) + bias


def no_norm(name: str) -> Callable[..., tf.Tensor]:
  """Stands where another network has a `BatchNorm`: hands x through."""
  del name
  return lambda x, training=False: x
