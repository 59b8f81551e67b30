"""Improved precision and recall (Kynkaanniemi et al., 2019, https://arxiv.org/abs/1904.06991, Eqs. 1 and 2)."""

import numpy as np

from tf_stugan import errors
from tf_stugan.metrics import neighbours
from tf_stugan.metrics.neighbours import squared_distances
from tf_stugan.metrics.neighbours import squared_radii
from tf_stugan.metrics.samples import EvalSamples
from tf_stugan.metrics.score import Score


def shares_within(x: np.ndarray, y: np.ndarray, k: int) -> tuple[float, float]:
  """Counts which shares of two sets lie where the other one is: as near to one of its samples as its k-th neighbour is.

  Args:
    x, y: features [M, F] and [N, F], M, N > k.
    k: neighbours.

  Returns:
    (share of y, share of x). With real x and generated y: (precision, recall).
  """
  radii_x, radii_y = squared_radii(x, k), squared_radii(y, k)
  y_within, x_within = np.empty(len(y), bool), np.zeros(len(x), bool)
  for rows, squared in squared_distances(y, x):
    y_within[rows] = (squared <= radii_x).any(axis=1)
    x_within |= (squared <= radii_y[rows, None]).any(axis=0)
  return y_within.mean(), x_within.mean()


def precision_recall(real: EvalSamples, fake: EvalSamples, k: int = 3) -> dict[str, Score]:
  """Scores which share of the fake images could be real, and of the real ones could be made. Larger is better.

  The definition has features of VGG-16, so that the names say whose these are: 'inception_precision',
  'classifier_precision' ... There is no value, and a warning, where a side has no k neighbours.
  """
  errors.check_counts('precision_recall', k=k)
  return neighbours.scores(('precision', 'recall'), shares_within, real, fake, k)
