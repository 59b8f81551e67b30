"""Images of noise, for benchmarks and for trying a configuration where the real data set is not at hand."""

import copy

import numpy as np

from tf_stugan import errors
from tf_stugan.data.images import Images
from tf_stugan.data.images import ImageSource


class RandomImages(ImageSource):
  """Uniform noise with labels that go round.

  Args:
    num_images: how many.
    resolution: height and width, in pixels.
    channels: 1 or 3.
    num_classes: labels are in [0, num_classes).
    seed: the same seed gives the same images.
  """

  def __init__(self, num_images: int = 256, resolution: int = 32, channels: int = 3, num_classes: int = 10,
               seed: int = 0):
    errors.check_counts(self, num_images=num_images, resolution=resolution, channels=channels, num_classes=num_classes)
    self.num_images = num_images
    self.resolution = resolution
    self.channels = channels
    self.num_classes = num_classes
    self.seed = seed
    self.split = 'train'

  def load(self, data_dir=None):
    shape = [self.num_images, self.resolution, self.resolution, self.channels]
    seed = self.seed if self.split == 'train' else [self.seed, 1]
    images = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    labels = np.arange(self.num_images, dtype=np.int32) % self.num_classes
    return Images(f'random/{self.split}', images, labels, self.num_classes)

  def test_source(self):
    source = copy.copy(self)
    source.split = 'test'
    return source
