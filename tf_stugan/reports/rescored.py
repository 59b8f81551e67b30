"""A run by the scores of other features."""

import re

from tf_stugan.training.workdir import Workdir


class Rescored(Workdir):
  """A run whose scores are those of some features, of training or of `tf-stugan evaluate`, and no others.

  Args:
    path: the folder.
    features: how the feature extractor of their protocol begins, in whole words.
  """

  def __init__(self, path: str, features: str):
    super().__init__(path)
    self._features = re.compile(rf'{re.escape(features)}(?!\w)')

  def scores(self):
    return [{**row, 'kind': 'evaluation'} for row in Workdir(str(self.path)).scores()
            if self._features.match(row['protocol']['extractor'])]

  def rows(self):
    found = self.scores()
    return sorted([*(row for row in super().rows() if row['kind'] != 'evaluation'), *found], key=lambda row: row['step'])
