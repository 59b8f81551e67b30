"""Differentiable augmentation of what the discriminator sees (Zhao et al., 2020, https://arxiv.org/abs/2006.10738)."""

import tensorflow as tf

from tf_stugan import errors
from tf_stugan import rng


class DiffAugment:
  """Colour, translation and cutout, in this order; every image draws its own parameters.

  Args:
    color: brightness shifted by U(-0.5, 0.5), saturation scaled by U(0, 2), contrast by U(0.5, 1.5).
    translation: the largest shift, as a share of the image's side; whole pixels, filled with 0. 0 for none.
    cutout: side of the square that is set to 0, as a share of the image's side. 0 for none.
    alike: the i-th real and the i-th fake image of a discriminator update share their parameters (the ADAPT code);
      otherwise all draw their own (StudioGAN).
  """

  def __init__(self, color: bool = True, translation: float = 0.125, cutout: float = 0.5, alike: bool = False):
    errors.check_within(self, 0, 1, translation=translation, cutout=cutout)
    self.color = color
    self.translation = translation
    self.cutout = cutout
    self.alike = alike

  def __call__(self, images: tf.Tensor, seed: rng.Seed) -> tf.Tensor:
    """Augments this replica's images [N, H, W, C] in [-1, 1] -> the same shape; colours may leave the range."""
    draws = tf.unstack(rng.replica_uniform(seed, [images.shape[0], 7]), axis=1)
    if self.color:
      images = change_color(images, *draws[:3])
    if self.translation:
      images = translate(images, self.translation, *draws[3:5])
    if self.cutout:
      images = cut_out(images, self.cutout, *draws[5:])
    return images


def change_color(x: tf.Tensor, brightness: tf.Tensor, saturation: tf.Tensor, contrast: tf.Tensor) -> tf.Tensor:
  """Changes colours of x [N, H, W, C]; takes three uniform draws in [0, 1), [N] each."""
  brightness, saturation, contrast = (v[:, None, None, None] for v in (brightness, saturation, contrast))
  x += brightness - 0.5
  grey = tf.reduce_mean(x, axis=3, keepdims=True)
  x = (x - grey) * (2 * saturation) + grey
  mean = tf.reduce_mean(x, axis=[1, 2, 3], keepdims=True)
  return (x - mean) * (contrast + 0.5) + mean


def translate(x: tf.Tensor, ratio: float, vertical: tf.Tensor, horizontal: tf.Tensor) -> tf.Tensor:
  """Shifts x [N, H, W, C] by whole pixels, uniform in +-round(ratio * side), by two uniform draws [N] in [0, 1)."""
  padded = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])
  for axis, draw in ((1, vertical), (2, horizontal)):
    side = x.shape[axis]
    reach = round(ratio * side)
    shift = tf.cast(draw * (2 * reach + 1), tf.int32) - reach
    # Place i of the result comes from place i + shift; places outside come from the border of zeros.
    places = tf.clip_by_value(tf.range(side)[None, :] + shift[:, None] + 1, 0, side + 1)
    padded = tf.gather(padded, places, axis=axis, batch_dims=1)
  return padded


def cut_out(x: tf.Tensor, ratio: float, vertical: tf.Tensor, horizontal: tf.Tensor) -> tf.Tensor:
  """Sets a square of round(ratio * side) to 0 in each of x [N, H, W, C]; its middle is uniform over the image."""
  inside = []
  for axis, draw in ((1, vertical), (2, horizontal)):
    side = x.shape[axis]
    length = round(ratio * side)
    first = tf.cast(draw * (side + 1 - length % 2), tf.int32) - length // 2
    places = tf.range(side)[None, :] - first[:, None]
    inside.append((places >= 0) & (places < length))
  hole = inside[0][:, :, None, None] & inside[1][:, None, :, None]
  return tf.where(hole, tf.zeros_like(x), x)
