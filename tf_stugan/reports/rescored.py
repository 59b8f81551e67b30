"""A run by the scores of other features."""

from tf_stugan.training.workdir import Workdir


class Rescored(Workdir):
  """A run whose scores are those of some features, of training or of `tf-stugan evaluate`, and no others.

  Args:
    path: the folder.
    features: a part of what their protocol calls the feature extractor.
  """

  def __init__(self, path: str, features: str):
    super().__init__(path)
    self._features = features

  def rows(self):
    found = [{**row, 'kind': 'evaluation'} for row in Workdir(str(self.path)).scores()
             if self._features in row['protocol']['extractor']]
    return sorted([*(row for row in super().rows() if row['kind'] != 'evaluation'), *found], key=lambda row: row['step'])
