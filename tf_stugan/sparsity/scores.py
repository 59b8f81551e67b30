"""What a weight is worth when masks change: the largest scores stay, or grow. All have the signature of `Score`."""

from collections.abc import Callable

import tensorflow as tf

from tf_stugan import rng
from tf_stugan.rng import Seed

Score = Callable[[tf.Tensor, tf.Tensor, Seed], tf.Tensor]


def magnitude(weight: tf.Tensor, gradient: tf.Tensor, seed: Seed) -> tf.Tensor:
  """Returns |w|."""
  del gradient, seed
  return tf.abs(weight)


def gradient(weight: tf.Tensor, gradient: tf.Tensor, seed: Seed) -> tf.Tensor:
  """Returns |dL/dw| of one batch, dense: pruned weights have gradients too (RigL)."""
  del weight, seed
  return tf.abs(gradient)


def random(weight: tf.Tensor, gradient: tf.Tensor, seed: Seed) -> tf.Tensor:
  """Draws uniformly from [0, 1) (SET)."""
  del gradient
  return rng.uniform(weight.shape, seed)


def saliency(weight: tf.Tensor, gradient: tf.Tensor, seed: Seed) -> tf.Tensor:
  """Returns |w dL/dw|, what removing the weight would change, to first order (SNIP)."""
  del seed
  return tf.abs(weight * gradient)


def gradient_flow(weight: tf.Tensor, gradient: tf.Tensor, seed: Seed) -> tf.Tensor:
  """Returns w (Hg), where `gradient` is Hessian times gradient g: what removing the weight takes from |g|^2 (GraSP)."""
  del seed
  return weight * gradient
