"""Any image classification set of TensorFlow Datasets, read into memory."""

import numpy as np
import tensorflow as tf

from tf_stugan import errors
from tf_stugan.data.images import Images
from tf_stugan.data.images import ImageSource


class TFDSImages(ImageSource):
  """Reads features 'image' and, where there is one, 'label'.

  Args:
    name: the data set, for example 'cifar10'.
    split: for example 'train' or 'train[:10%]'.
    resolution: height and width to resize to, in pixels, with antialiasing; None keeps the images as they are.
  """

  def __init__(self, name: str, split: str = 'train', resolution: int | None = None):
    self.name = name
    self.split = split
    self.resolution = resolution

  def load(self, data_dir=None):
    import tensorflow_datasets as tfds  # pylint: disable=g-import-not-at-top  (slow to import)
    folder = data_dir or '~/tensorflow_datasets'
    try:
      builder = tfds.builder(self.name, data_dir=data_dir)
      prepared = builder.is_prepared()
      data = builder.as_dataset(split=self.split, shuffle_files=False) if prepared else None
    except Exception as error:  # pylint: disable=broad-except  (an unknown name, a damaged folder, an unknown split ...)
      raise errors.DataError(
          f'The TFDS data set {self.name!r} ({self.split}) in {folder} cannot be read: {type(error).__name__}: '
          f'{str(error).strip().splitlines()[0][:200]}') from error
    if not prepared:
      raise errors.DataError(
          f'The TFDS data set {self.name!r} is not in {folder}. Fetch it once with: tfds build {self.name} '
          f'--data_dir={folder}; or point --data_dir at a folder that holds it.')
    if self.resolution is not None:
      data = data.map(self._resize)
    images, labels = [], []
    for example in data.as_numpy_iterator():
      images.append(example['image'])
      labels.append(example.get('label', 0))
    shapes = {image.shape for image in images}
    if len(shapes) != 1:
      raise errors.DataError(
          f'{self.name} ({self.split}) has {"no images" if not shapes else f"images of {len(shapes)} sizes"}; set '
          'TFDSImages.resolution to bring them to one.')
    features = builder.info.features
    num_classes = features['label'].num_classes if 'label' in features else 1
    return Images(f'{self.name}/{self.split}', np.stack(images), np.asarray(labels, np.int32), num_classes)

  def _resize(self, example):
    image = tf.image.resize(example['image'], [self.resolution] * 2, antialias=True)
    return {**example, 'image': tf.saturate_cast(tf.round(image), tf.uint8)}
