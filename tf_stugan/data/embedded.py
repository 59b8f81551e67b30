"""Real images that come with the installation: no download, no path."""

import numpy as np
import tensorflow as tf

from tf_stugan import errors
from tf_stugan.data.images import Images
from tf_stugan.data.images import ImageSource


class Digits(ImageSource):
  """1,797 scanned handwritten digits, 8 x 8 with 17 grey levels, enlarged to `resolution`. From scikit-learn.

  Alpaydin and Kaynak, 'Optical Recognition of Handwritten Digits', UCI repository, 1998.

  Args:
    resolution: height and width of the images, in pixels.
    channels: 1 for grey; 3 for the same grey in each, as networks for colour want it.
  """

  def __init__(self, resolution: int = 32, channels: int = 1):
    errors.check_counts(self, resolution=resolution)
    if channels not in (1, 3):
      raise errors.UserError(f'Digits.channels is 1 (grey) or 3; got {channels}.')
    self.resolution = resolution
    self.channels = channels

  def load(self, data_dir=None):
    from sklearn import datasets  # pylint: disable=g-import-not-at-top  (a second to import, and only needed here)
    digits = datasets.load_digits()
    images = tf.image.resize(
        digits.images[..., None] * (255 / 16), [self.resolution] * 2, tf.image.ResizeMethod.BICUBIC).numpy()
    images = np.repeat(np.clip(np.round(images), 0, 255).astype(np.uint8), self.channels, axis=-1)
    return Images('digits/train', images, digits.target.astype(np.int32), 10, classes=tuple('0123456789'))
