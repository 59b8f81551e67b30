"""Domains: the sets of images that a game translates between, and that have to fit together."""

from collections.abc import Mapping

import numpy as np

from tf_stugan import errors
from tf_stugan.data.images import Images
from tf_stugan.data.images import ImageSource
from tf_stugan.data.stored_images import MEMORY_LIMIT
from tf_stugan.data.stored_images import printable
from tf_stugan.data.stored_images import StoredImages

_MOST_NAMES = 12  # of classes in one line


class OneClass(ImageSource):
  """The images of one class of a labelled data set; their label is 0.

  Args:
    source: of the data set.
    label: the class by its name, where the data set has names, or by its number.
  """

  def __init__(self, source: ImageSource, label: str | int):
    if not isinstance(label, str):
      errors.check_counts(self, 0, label=label)
    self.source = source
    self.label = label
    self._numbered_by = source  # whose numbers of classes are meant

  def load(self, data_dir=None):
    data = self.source.load(data_dir)
    label = self._number(data, data_dir)
    chosen = np.flatnonzero(data.labels == label)
    name = printable(str(data.classes[label] if data.classes else label))
    if not len(chosen):
      raise errors.DataError(f'{data.name} has no image of class {name}.')
    if (size := len(chosen) * data.images[0].nbytes) > MEMORY_LIMIT:
      raise errors.DataError(f'{data.name}: class {name} takes {size / 1e9:.3g} GB; a class is held in memory, up to '
                             f'{MEMORY_LIMIT / 1e9:.3g} GB. Put its images in a folder of their own.')
    return Images(f'{data.name}, class {name}', data.images[chosen], np.zeros(len(chosen), np.int32), 1, classes=[name])

  def test_source(self):
    test = OneClass(self.source.test_source(), self.label)
    test._numbered_by = self.source  # pylint: disable=protected-access
    return test

  def _number(self, data, data_dir):
    """Returns the number of the label in `data`."""
    if (name := self._name(data, data_dir)) in data.classes:
      return list(data.classes).index(name)
    if isinstance(name, int) and name < data.num_classes:
      return name
    names = [*map(printable, data.classes[:_MOST_NAMES]), *(['...'] if len(data.classes) > _MOST_NAMES else [])]
    raise errors.DataError(f'{data.name} has no class {self.label!r}. Its classes are 0 to {data.num_classes - 1}'
                           + (f': {", ".join(names)}.' if names else ', and have no names here.'))


  def _name(self, data, data_dir):
    """Returns the label by its name where folders number their classes: those of test images may be fewer."""
    if isinstance(self.label, str) or not isinstance(self.source, StoredImages) or not data.classes:
      return self.label
    classes = self._numbered_by.listing(data_dir).classes if self._numbered_by is not self.source else data.classes
    return classes[self.label] if self.label < len(classes) else self.label


def check_alike(domains: Mapping[str, Images]) -> None:
  """Raises DataError unless the images of all domains have one shape [H, W, C]."""
  shapes = {data.image_shape for data in domains.values()}
  if len(shapes) > 1:
    what = 'IMAGE_CHANNELS' if len({shape[2] for shape in shapes}) > 1 else 'IMAGE_RESOLUTION'
    descriptions = '; '.join(f'{name}: {data.image_shape} of {data.name}' for name, data in domains.items())
    raise errors.DataError(f'Domains have images of different shapes ({descriptions}). Set {what} so that they agree.')
