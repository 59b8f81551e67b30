"""The distance between images by what a network sees in them (Johnson et al., 2016, https://arxiv.org/abs/1603.08155)."""

from collections.abc import Mapping, Sequence
import pathlib
from typing import Protocol

import tensorflow as tf

from tf_stugan import errors
from tf_stugan.data.images import Images
from tf_stugan.data.images import ImageSource


class Maps(Protocol):
  """Feature maps of images, of several layers."""

  def prepare(self, data: Images, cache_dir: pathlib.Path) -> None:
    """Loads or trains what is needed. Raises UserError where it cannot be had."""

  def maps(self, images: tf.Tensor) -> Sequence[tf.Tensor]:
    """Returns [N, h, w, c] of each layer, float32, of images [N, H, W, C] in [-1, 1]."""


class Perceptual:
  """content * mean |difference| of the first maps + style * sum over layers of the mean squared difference of Gram matrices.

  The Gram matrix of a map F [h w, c] is F^T F / (c h w). Weights are those of the lottery tickets' code, which are for
  `Vgg16`.

  Args:
    extractor: has the maps.
    content: weight of the content.
    style: weight of the style.
    data: what an extractor that learns is trained on; the first domain if not given.
  """

  def __init__(self, extractor: Maps, content: float = 1.0, style: float = 1e5, data: ImageSource | None = None):
    errors.check_within(self, 0, float('inf'), content=content, style=style)
    self.extractor = extractor
    self.content = content
    self.style = style
    self.data = data

  def prepare(self, data: Mapping[str, Images], data_dir: str | None, cache_dir: pathlib.Path) -> None:
    """Prepares the extractor, before step 0."""
    self.extractor.prepare(self.data.load(data_dir) if self.data else next(iter(data.values())), cache_dir)

  def __call__(self, targets: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """Returns the scalar."""
    pairs = list(zip(map(tf.stop_gradient, self.extractor.maps(targets)), self.extractor.maps(images), strict=True))
    content = tf.reduce_mean(tf.abs(pairs[0][0] - pairs[0][1]))
    style = tf.add_n([tf.reduce_mean((gram(a) - gram(b))**2) for a, b in pairs])
    return self.content * content + self.style * style


def gram(maps: tf.Tensor) -> tf.Tensor:
  """Returns the Gram matrices [N, c, c] of maps [N, h, w, c]."""
  _, height, width, channels = maps.shape
  flat = tf.reshape(maps, [-1, height * width, channels])
  return tf.matmul(flat, flat, transpose_a=True) / (channels * height * width)
