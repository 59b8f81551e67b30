"""What a game makes, for people and for metrics: images from noise, or images from images."""

import abc
from collections.abc import Mapping, Sequence
import contextlib
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_stugan import rng
from tf_stugan.compat import keras
from tf_stugan.data import images as images_lib
from tf_stugan.layers import normalization

_PART = 64  # images at a time, where there may be any number of them


class Sheet(NamedTuple):
  """Images float32 [N, H, W, C] in [-1, 1] to be shown in so many columns; nearly square where that is None."""

  images: np.ndarray
  columns: int | None = None


class Output(abc.ABC):
  """Images that one player's network makes.

  They are numbered: a number is a seed, or the place of an input among the images of a domain. The same number gives the
  same image in any batch, except with batch statistics.

  Attributes:
    player: name of the player.
    domain: of the images that these should look like.
    source: domain of the images that these are made from; empty where they are made from noise.
    live: the network that is trained.
    network: the one that makes the images: the average, where there is one.
  """

  def __init__(self, player: str, live: keras.Model, averaged: keras.Model | None, domain: str, source: str = ''):
    self.player = player
    self.domain = domain
    self.source = source
    self.live = live
    self.network = live if averaged is None else averaged
    self._make = tf.function(self._make_in_graph, autograph=False)

  @property
  def weights(self) -> str:
    """Whose weights `network` has: 'average', or 'trained' where there is none."""
    return 'trained' if self.network is self.live else 'average'

  @abc.abstractmethod
  def signature(self, batch_size: int) -> list[tf.TensorSpec]:
    """Lists what the network takes, named, for a batch of this size."""

  @abc.abstractmethod
  def inputs(self, numbers: np.ndarray, originals: images_lib.Images | None = None) -> tuple[np.ndarray, ...]:
    """Makes what the network takes for images with these numbers, int [N]; `originals` are of the source domain."""

  @abc.abstractmethod
  def count(self, wanted: int, originals: images_lib.Images | None) -> int:
    """Returns how many images a score is computed of, where `wanted` are asked for."""

  def sheet(self, outputs: Mapping[str, 'Output'], inputs: Sequence[np.ndarray], batch_statistics: bool = False) -> Sheet:
    """Makes what is shown of these inputs; `outputs` are all those of the game."""
    del outputs
    return Sheet(self.make(inputs, batch_statistics=batch_statistics))

  def cycle_errors(self, outputs: Mapping[str, 'Output'], inputs: Sequence[np.ndarray],
                   batch_statistics: bool = False) -> np.ndarray | None:
    """Computes how far these inputs are from what comes back of them; `outputs` are all those of the game.

    Returns:
      float32 [N], means of absolute differences of pixels in [-1, 1]; None where no way leads back.
    """
    del outputs, inputs, batch_statistics

  def make(self, inputs: Sequence[np.ndarray], averaged: bool = True, batch_statistics: bool = False) -> np.ndarray:
    """Makes the images of these inputs.

    Args:
      inputs: arrays of `signature`'s types, [N, ...].
      averaged: by `network`, or by `live`.
      batch_statistics: BatchNorm uses the statistics of these N images, as in training, not running ones.

    Returns:
      float32 [N, H, W, C] in [-1, 1].
    """
    return self._make([tf.convert_to_tensor(x) for x in inputs], averaged, batch_statistics).numpy()

  def _make_in_graph(self, inputs, averaged, batch_statistics):
    """Computes the images; two bools of Python's choose the graph."""
    network = self.network if averaged else self.live
    with normalization.batch_statistics() if batch_statistics else contextlib.nullcontext():
      return tf.cast(network(*inputs, training=False), tf.float32)


class FromNoise(Output):
  """z ~ N(0, I) and, where the network has classes, y uniform over them -> images."""

  def signature(self, batch_size):
    specs = [tf.TensorSpec([batch_size, self.network.latent_size], tf.float32, name='latents')]
    if self.network.num_classes:
      specs.append(tf.TensorSpec([batch_size], tf.int32, name='labels'))
    return specs

  def inputs(self, numbers, originals=None):
    del originals
    return self._latents(numbers), rng.labels(numbers, self.network.num_classes)

  def count(self, wanted, originals):
    del originals
    return wanted

  def sample(self, seeds: np.ndarray, labels: np.ndarray | None = None, averaged: bool = True,
             batch_statistics: bool = False, truncation: float | None = None) -> np.ndarray:
    """Makes one image a seed.

    Args:
      seeds: integers >= 0, [N].
      labels: int [N], the classes; each seed's own, uniformly drawn class if not given. Ignored without classes.
      averaged, batch_statistics: as in `make`.
      truncation: bound of the latent's components (BigGAN, section 3.1); None for no bound.

    Returns:
      float32 [N, H, W, C] in [-1, 1].
    """
    labels = rng.labels(seeds, self.network.num_classes) if labels is None else np.asarray(labels, np.int32)
    return self.make((self._latents(seeds, truncation), labels), averaged, batch_statistics)

  def interpolate(self, first: int, last: int, count: int, label: int | None = None,
                  truncation: float | None = None) -> np.ndarray:
    """Makes `count` images on the way from one seed's latent to another's, both included; as `sample` otherwise.

    All are of class `label`, or of the first seed's own class. Latents on the way are clipped to the bound.
    """
    ends = self._latents([first, last], truncation).astype(np.float64)
    latents = slerp(ends[0], ends[1], np.linspace(0, 1, count)).astype(np.float32)
    if truncation is not None:  # halfway, components of an arc may be sqrt(2) times those of its ends
      latents = np.clip(latents, -truncation, truncation)
    label = rng.labels([first], self.network.num_classes)[0] if label is None else label
    parts = np.array_split(latents, -(-count // _PART))
    return np.concatenate([self.make((part, np.full([len(part)], label, np.int32))) for part in parts])

  def set_standing_statistics(self, batches: int, batch_size: int, truncation: float | None = None) -> None:
    """Gives the network BatchNorm statistics of its own: means over batches of its images (BigGAN).

    Args:
      batches: how many; seeds are 0 .. batches * batch_size - 1.
      batch_size: images of each.
      truncation: of the images that will be made with these statistics.
    """
    def run(batch):
      seeds = np.arange(batch * batch_size, (batch + 1) * batch_size)
      self.network(self._latents(seeds, truncation), rng.labels(seeds, self.network.num_classes), training=False)
    normalization.set_standing_statistics(run, batches)

  def _latents(self, seeds, truncation=None):
    return rng.latents(np.asarray(seeds), self.network.latent_size, truncation)


class FromImages(Output):
  """Images of one domain -> the same scenes in another.

  Args:
    image_shape: (H, W, C) of the inputs.
    back: the output that leads back to the source domain.
  """

  def __init__(self, player: str, live: keras.Model, averaged: keras.Model | None, domain: str, source: str,
               image_shape: tuple[int, int, int], back: str):
    super().__init__(player, live, averaged, domain, source)
    self.back = back
    self._image_shape = image_shape

  def signature(self, batch_size):
    return [tf.TensorSpec([batch_size, *self._image_shape], tf.float32, name='images')]

  def inputs(self, numbers, originals=None):
    if originals is None:  # noise of the right shape will do where only arithmetic is compared
      return (np.stack([np.random.Generator(np.random.Philox(key=int(n))).uniform(-1, 1, self._image_shape)
                        for n in numbers]).astype(np.float32),)
    return (images_lib.to_float(originals.images[np.asarray(numbers) % len(originals)]).numpy(),)

  def count(self, wanted, originals):
    del wanted
    return len(originals)

  def sheet(self, outputs, inputs, batch_statistics=False):
    """Makes rows of an image, its translation, and the way back."""
    rows = np.stack([inputs[0], *self._there_and_back(outputs, inputs, batch_statistics)], axis=1)
    return Sheet(rows.reshape(-1, *rows.shape[2:]), 3)

  def cycle_errors(self, outputs, inputs, batch_statistics=False):
    _, back = self._there_and_back(outputs, inputs, batch_statistics)
    return np.abs(back - inputs[0]).mean(axis=(1, 2, 3))

  def _there_and_back(self, outputs, inputs, batch_statistics):
    there = self.make(inputs, batch_statistics=batch_statistics)
    return there, outputs[self.back].make((there,), batch_statistics=batch_statistics)


def slerp(first: np.ndarray, last: np.ndarray, fractions: np.ndarray) -> np.ndarray:
  """Interpolates on a sphere: latents on the way keep the length that normal ones have.

  Args:
    first, last: [F].
    fractions: [N] in [0, 1].

  Returns:
    [N, F]; fraction 0 gives `first`, 1 gives `last`.
  """
  cosine = first @ last / (np.linalg.norm(first) * np.linalg.norm(last))
  angle = np.arccos(np.clip(cosine, -1, 1))
  if angle < 1e-6:
    return first + fractions[:, None] * (last - first)
  return (np.sin((1 - fractions) * angle)[:, None] * first + np.sin(fractions * angle)[:, None] * last) / np.sin(angle)
