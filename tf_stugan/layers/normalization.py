"""Batch normalization as the papers' PyTorch code has it, plain and conditional, and instance normalization."""

from collections.abc import Callable, Iterator
import contextlib
import contextvars
import math
from typing import NamedTuple

import tensorflow as tf

from tf_stugan import compat
from tf_stugan.compat import keras

_FUSED_EPSILON = 1.001e-5  # the fused kernel takes none that is smaller (cuDNN's bound)

Projection = Callable[[int, str], keras.layers.Layer]  # (units, name) -> a layer: condition -> [N, units]


class Moments(NamedTuple):
  """What one layer saw of one batch: mean and (biased) variance over images and positions, each [C]."""

  layer: 'BatchNorm'
  mean: tf.Tensor
  variance: tf.Tensor


_SEEN: contextvars.ContextVar[list[Moments] | None] = contextvars.ContextVar('seen', default=None)


@contextlib.contextmanager
def batch_statistics() -> Iterator[list[Moments]]:
  """Makes `BatchNorm`, called (or traced) in it with training=False, normalize by the batch at hand, and change nothing.

  Yields:
    A list that fills with the moments of each call: their averages over some batches are standing statistics.
  """
  seen = []
  token = _SEEN.set(seen)
  try:
    yield seen
  finally:
    _SEEN.reset(token)


_SCALES = contextvars.ContextVar('scales', default=False)


@contextlib.contextmanager
def scaling_only() -> Iterator[None]:
  """Makes `InstanceNorm`, called (or traced) in it, multiply by gamma and do nothing else."""
  token = _SCALES.set(True)
  try:
    yield
  finally:
    _SCALES.reset(token)


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

  Under more than one replica the statistics are those of the global batch, and running statistics are what one device has:
  unbiased variances, as in PyTorch. Every replica computes the same ones, so they are mirrored variables: reading and
  saving them needs no communication.

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
        center=affine, scale=affine, name=name)

  def build(self, input_shape):
    self.values = math.prod(input_shape[1:])
    super().build(input_shape)

  def add_weight(self, *args, synchronization=None, **kwargs):
    """Makes plain variables, where Keras makes running statistics that are reduced whenever they are read."""
    del synchronization
    return super().add_weight(*args, **kwargs)

  def call(self, x, condition=None, training=False):
    del condition
    if training and tf.distribute.get_strategy().num_replicas_in_sync > 1:
      return self._call_in_replica(x)
    seen = _SEEN.get()
    if seen is None or training:
      return super().call(x, training=training)
    mean, variance = tf.nn.moments(x, [0, 1, 2])
    seen.append(Moments(self, mean, variance))
    return tf.nn.batch_normalization(x, mean, variance, self.beta, self.gamma, self.epsilon)

  def _call_in_replica(self, x):
    """Does what the fused kernel of one device does, with the moments of all replicas' images; shares are equal."""
    wide = tf.cast(x, tf.float32)
    mean, variance, count = _global_moments(wide, tf.convert_to_tensor(self.moving_mean))
    for running, seen in ((self.moving_mean, mean), (self.moving_variance, variance * (count / max(count - 1, 1)))):
      compat.assign(running, self.momentum * running + (1 - self.momentum) * tf.stop_gradient(seen))
    epsilon = max(self.epsilon, _FUSED_EPSILON)
    return tf.cast(tf.nn.batch_normalization(wide, mean, variance, self.beta, self.gamma, epsilon), x.dtype)


def _global_moments(x, near):
  """Returns (mean [C], biased variance [C], values a channel) over the images of all replicas, in one all-reduce.

  Variance = mean of the replicas' variances + variance of their means. The latter is computed around `near` [C], any value
  close to the mean: far from 0 the difference of squares would lose what it is about.
  """
  context = tf.distribute.get_replica_context()
  mean, variance = tf.nn.moments(x, [0, 1, 2])
  apart = mean - near
  apart, squared, variance = context.all_reduce(tf.distribute.ReduceOp.MEAN, [apart, tf.square(apart), variance])
  count = math.prod(x.shape[:3]) * context.num_replicas_in_sync
  return near + apart, variance + squared - tf.square(apart), count


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


class InstanceNorm(keras.layers.GroupNormalization):
  """x [N, H, W, C] -> (x - mean) / sqrt(variance + epsilon) * gamma + beta, with moments over the positions of each image.

  Keras's group normalization with as many groups as channels, but for two things: moments are float32 whatever the network
  computes in, and no tensor on the way has five dimensions. Ulyanov et al., 2016, https://arxiv.org/abs/1607.08022.

  Args:
    name: of the layer.
    epsilon: added to the (biased) variance.
    affine: False leaves gamma (1 at first) and beta (0 at first) out.
  """

  def __init__(self, name: str | None = None, epsilon: float = 1e-5, affine: bool = True):
    super().__init__(groups=-1, epsilon=epsilon, center=affine, scale=affine, name=name)

  def add_weight(self, *args, **kwargs):
    """Makes a variable that is not cast to what the network computes in."""
    return super().add_weight(*args, experimental_autocast=False, **kwargs)

  def call(self, x, training=False):
    del training
    if _SCALES.get():
      return x if self.gamma is None else x * tf.cast(self.gamma, x.dtype)
    wide = tf.cast(x, tf.float32)
    mean, variance = tf.nn.moments(wide, [1, 2], keepdims=True)
    return tf.cast(tf.nn.batch_normalization(wide, mean, variance, self.beta, self.gamma, self.epsilon), x.dtype)


def no_norm(name: str) -> Callable[..., tf.Tensor]:
  """Stands where another network has a `BatchNorm`: hands x through."""
  del name
  return lambda x, training=False: x
