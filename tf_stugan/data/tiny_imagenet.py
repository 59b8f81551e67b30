"""Tiny ImageNet as it is distributed."""

import copy
import os

from tf_stugan import errors
from tf_stugan.data import image_files
from tf_stugan.data import pixels
from tf_stugan.data.stored_images import data_root
from tf_stugan.data.stored_images import Listing
from tf_stugan.data.stored_images import MEMORY_LIMIT
from tf_stugan.data.stored_images import StoredImages

FOLDER = 'tiny-imagenet-200'
_STORED = 64  # pixels; asked for this size, the set stays as it is, its name as well
_ADDRESS = 'http://cs231n.stanford.edu/tiny-imagenet-200.zip'


class TinyImageNet(StoredImages):
  """200 classes of ImageNet at 64 x 64, 500 training and 50 validation images each. Le and Yang, 2015.

  Reads the folder `tiny-imagenet-200` below --data_dir as the archive unpacks it. Labels are the lines of `wnids.txt`. The
  greyscale images among them are repeated in three channels.

  Args:
    split: 'train' (100,000 images) or 'val' (10,000).
    resolution: height and width to bring the images to, in pixels; None leaves them at 64.
    memory_limit: the most bytes of pixels to hold in memory.
  """

  def __init__(self, split: str = 'train', resolution: int | None = None, memory_limit: int = MEMORY_LIMIT):
    super().__init__(None if resolution == _STORED else resolution, memory_limit)
    if split not in ('train', 'val'):
      raise errors.UserError(f"TinyImageNet.split is 'train' or 'val'; got {split!r}. The test images have no labels.")
    self.split = split

  def listing(self, data_dir=None):
    root = data_root(data_dir) / FOLDER
    try:
      classes = (root / 'wnids.txt').read_text().split()
      files = _train_files(root, classes) if self.split == 'train' else _validation_files(root, classes)
    except OSError as error:
      raise errors.DataError(
          f'{error.filename or root}: {error.strerror}. Unpack {_ADDRESS} in {root.parent}, or point --data_dir at the '
          f'folder that holds {FOLDER}.') from error
    if not files:
      raise errors.DataError(f'{root} holds no {self.split} images. Unpack {_ADDRESS} again.')
    name = f'tiny_imagenet/{self.split}' + (f', {pixels.square_rule(self.resolution)}' if self.resolution else '')
    return Listing(name, len(files), classes, image_files.identity(str(root), files),
                   lambda: image_files.read(str(root), files, 3, self.resolution))

  def test_source(self):
    """Returns the source of the validation images, since the test images have no labels."""
    source = copy.copy(self)
    source.split = 'val'
    return source


def _train_files(root, classes):
  return [
      image_files.File(os.path.join('train', wnid, 'images', name), label)
      for label, wnid in enumerate(classes)
      for name in sorted(os.listdir(root / 'train' / wnid / 'images')) if name.endswith('.JPEG')]


def _validation_files(root, classes):
  """Reads `val_annotations.txt`, which has a line for each image: file, class, and the box of the object."""
  labels = {wnid: label for label, wnid in enumerate(classes)}
  path = root / 'val' / 'val_annotations.txt'
  files = []
  for number, line in enumerate(path.read_text().splitlines(), 1):
    name, wnid = (line.split('\t') + ['', ''])[:2]
    if wnid not in labels or os.path.basename(name) != name:
      raise errors.DataError(f'{path}, line {number}: not a file and a class of wnids.txt: {line[:60]!r}')
    files.append(image_files.File(os.path.join('val', 'images', name), labels[wnid]))
  return files
