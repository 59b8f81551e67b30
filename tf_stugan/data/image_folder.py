"""A folder of image files."""

import copy
import os

from tf_stugan import errors
from tf_stugan.data import image_files
from tf_stugan.data import pixels
from tf_stugan.data.stored_images import Listing
from tf_stugan.data.stored_images import MEMORY_LIMIT
from tf_stugan.data.stored_images import StoredImages

DOMAIN_FOLDERS = ('trainA', 'trainB', 'testA', 'testB')  # of a set with two domains, as CycleGAN's code has it


class ImageFolder(StoredImages):
  """All image files below a folder, at any depth. The folders right below it are the classes, in the order of their names.

  BMP, GIF, JPEG, PNG, PPM, TIFF and WebP, told by content; see `pixels.decode` for odd ones. Files that cannot be used are
  left out, and listed in one warning.

  Args:
    path: the folder, from the working directory.
    resolution: height and width to bring the images to, in pixels; None leaves them as they are, and they must be alike.
    channels: 3 for colour, 1 for grey.
    memory_limit: the most bytes of pixels to hold in memory.
  """

  def __init__(self, path: str, resolution: int | None, channels: int = 3, memory_limit: int = MEMORY_LIMIT):
    super().__init__(resolution, memory_limit)
    if channels not in (1, 3):
      raise errors.UserError(f'ImageFolder.channels is 3 (colour) or 1 (grey); got {channels}.')
    self.path = os.path.abspath(os.path.expanduser(path))
    self.channels = channels

  def listing(self, data_dir=None):
    if not os.path.isdir(self.path):
      raise errors.DataError(f'{self.path} is not a folder.')
    paths, ignored = image_files.find(self.path)
    if not paths:
      raise errors.DataError(f'{self.path} holds no image file ({", ".join(pixels.SUFFIXES)}).')
    classes = sorted({_class_of(path) for path in paths})
    labels = {name: label for label, name in enumerate(classes)}
    files = [image_files.File(path, labels[_class_of(path)]) for path in paths]
    name = _title(self.path) + (f', {pixels.square_rule(self.resolution)}' if self.resolution else '')
    return Listing(
        name, len(files), classes, image_files.identity(self.path, files),
        lambda: image_files.read(self.path, files, self.channels, self.resolution), ignored)

  def test_source(self):
    """Returns the source of the folder 'test...' beside this folder 'train...': testA beside trainA."""
    parent, name = os.path.split(self.path)
    if not name.startswith('train'):
      raise errors.DataError(
          f"{self.path} has no test images: they would be in a folder 'test' beside one that is called 'train'.")
    source = copy.copy(self)
    source.path = os.path.join(parent, 'test' + name.removeprefix('train'))
    return source


def domain_folder(path: str, domain: str, resolution: int | None, channels: int = 3,
                  memory_limit: int = MEMORY_LIMIT) -> ImageFolder:
  """Makes the source of one domain of a folder that holds `trainA`, `trainB` and, to be scored, `testA`, `testB`.

  Args:
    path: the folder that holds them, from the working directory.
    domain: 'A' or 'B'.
    resolution, channels, memory_limit: as in `ImageFolder`.
  """
  return ImageFolder(os.path.join(path, f'train{domain}'), resolution, channels, memory_limit)


def _title(path):
  """Returns the folder's name; of 'train', 'testA' ..., which are called so in every set, the set's name before it."""
  parent, name = os.path.split(path)
  return os.path.join(os.path.basename(parent), name) if name in ('train', 'test', *DOMAIN_FOLDERS) else name


def _class_of(path):
  """Returns the first folder of a relative path; '.' for files that lie in the root itself."""
  head, separator, _ = path.partition(os.sep)
  return head if separator else '.'
