"""A data set of somebody else: stripes."""

import numpy as np

from tf_stugan.data.images import Images
from tf_stugan.data.images import ImageSource


class Stripes(ImageSource):
  """Images of stripes, across or along.

  Args:
    along: which way they run.
    resolution: height and width, in pixels.
  """

  def __init__(self, along: bool, resolution: int = 8):
    self.along = along
    self.resolution = resolution

  def load(self, data_dir=None):
    del data_dir
    waves = [np.sin(np.arange(self.resolution) * (1 + i / 8) + i) for i in range(16)]
    images = np.stack([np.broadcast_to(wave, [self.resolution] * 2) for wave in waves])
    if self.along:
      images = images.swapaxes(1, 2)
    images = np.repeat(images[..., None], 3, axis=-1)
    return Images(f'stripes/{"along" if self.along else "across"}', (127.5 * images + 127.5).astype(np.uint8),
                  np.zeros(16, np.int32), 1)
