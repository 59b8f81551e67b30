"""Any image set of TensorFlow Datasets."""

import copy
import os
import re

import numpy as np
import tensorflow as tf

from tf_stugan import errors
from tf_stugan.data import image_files
from tf_stugan.data import pixels
from tf_stugan.data.stored_images import data_root
from tf_stugan.data.stored_images import Example
from tf_stugan.data.stored_images import Listing
from tf_stugan.data.stored_images import MEMORY_LIMIT
from tf_stugan.data.stored_images import StoredImages

_STORED = {'cifar10': 32}  # pixels; asked for this size, a set stays as it is, its name as well
_TEST = {'imagenet2012': 'validation'}  # its test images have no labels


class TFDSImages(StoredImages):
  """Reads features 'image' and, where there is one, 'label'.

  Args:
    name: the data set, for example 'cifar10'.
    split: for example 'train' or 'train[:10%]'.
    resolution: height and width to bring the images to, in pixels; None leaves them as they are, and they must be alike.
    labelled: False gives all images label 0, as for a split whose labels are missing (-1 in TFDS). None takes the labels,
      unless the split has 'unlabelled' in its name: so it is known without a look at the data.
    memory_limit: the most bytes of pixels to hold in memory.
  """

  def __init__(self, name: str, split: str = 'train', resolution: int | None = None, labelled: bool | None = None,
               memory_limit: int = MEMORY_LIMIT):
    super().__init__(None if resolution == _STORED.get(name) else resolution, memory_limit)
    if not re.fullmatch(r'\w+(/[\w.-]+)?(:\d+\.[\d*]+\.[\d*]+)?', name):  # TFDS would run code of 'namespace:name'
      raise errors.UserError(
          f"TFDSImages.name is one of TFDS's own sets: 'name', 'name/config' or 'name:1.2.3'; got {name!r}.")
    self.name = name
    self.split = split
    self.labelled = 'unlabelled' not in split if labelled is None else labelled

  def listing(self, data_dir=None):
    import tensorflow_datasets as tfds  # pylint: disable=g-import-not-at-top  (slow to import)
    builder = self._builder(tfds, data_dir)
    features = builder.info.features
    if 'image' not in features or features['image'].np_dtype != np.uint8:
      raise errors.DataError(f"{builder.info.full_name} has no feature 'image' of 8 bits.")
    try:
      count = builder.info.splits[self.split].num_examples
      # Every record is read once; TFDS would keep small sets in memory for a second time.
      config = tfds.ReadConfig(try_autocache=False)
      data = builder.as_dataset(split=self.split, shuffle_files=False, read_config=config)
    except Exception as error:  # pylint: disable=broad-except  (an unknown split, a missing file ...)
      raise self._unreadable(data_dir, error) from error
    labelled = self.labelled and 'label' in features and hasattr(features['label'], 'names')
    classes = features['label'].names if labelled else ['all']
    name = f'{self.name}/{self.split}'
    if self.resolution:
      name += f', {pixels.square_rule(self.resolution)}'
    return Listing(name, count, classes, f'{builder.info.full_name}/{self.split}/{count}',
                   lambda: self._read(data, labelled, data_dir))

  def test_source(self):
    """Returns the source of split 'test', or of 'testA' for 'trainA'. Whether there is one shows when it is read."""
    source, domain = copy.copy(self), re.match(r'train(\w*)', self.split)
    source.split = _TEST.get(self.name, f'test{domain[1] if domain else ""}')
    return source

  def _builder(self, tfds, data_dir):
    try:
      builder = tfds.builder(self.name, data_dir=data_dir and os.path.expanduser(data_dir))
      is_prepared = builder.is_prepared()
    except Exception as error:  # pylint: disable=broad-except  (an unknown name, a damaged folder ...)
      raise self._unreadable(data_dir, error) from error
    if not is_prepared:
      root = data_root(data_dir)
      by_hand = re.sub(r'\s+', ' ', builder.MANUAL_DOWNLOAD_INSTRUCTIONS or '').strip()
      raise errors.DataError(
          f'The TFDS data set {self.name!r} is not in {root}. '
          + (f'It has to be downloaded by hand to {root / "downloads" / "manual"}: {by_hand} Then prepare' if by_hand else
             'Fetch')
          + f' it once with: tfds build {self.name} --data_dir={root}; or point --data_dir at a folder that holds it.')
    return builder

  def _read(self, data, labelled, data_dir):
    def example(numbered):
      number, record = numbered
      image, label = record['image'], int(record['label']) if labelled else 0
      if label < 0:
        return Example(f'record {number}', label, problem='without a label (TFDSImages.labelled = False takes them)')
      square = pixels.square(image, self.resolution) if self.resolution else image
      return Example(f'record {number}', label, square, image.shape[:2])
    try:
      yield from image_files.in_parallel(example, enumerate(data.as_numpy_iterator()))
    except tf.errors.OpError as error:  # a damaged record
      raise self._unreadable(data_dir, error) from error

  def _unreadable(self, data_dir, error):
    message = re.sub(r'\{\{.*?\}\}', '', str(error)).strip()  # the place in TensorFlow's graph
    return errors.DataError(
        f'The TFDS data set {self.name!r} ({self.split}) in {data_root(data_dir)} cannot be read: {type(error).__name__}: '
        f'{message.splitlines()[0][:200] if message else ""}')
