"""Density and coverage (Naeem et al., 2020, https://arxiv.org/abs/2002.09797, Eqs. 4 and 5)."""

import numpy as np

from tf_stugan import errors
from tf_stugan.metrics import neighbours
from tf_stugan.metrics.neighbours import squared_distances
from tf_stugan.metrics.neighbours import squared_radii
from tf_stugan.metrics.samples import EvalSamples
from tf_stugan.metrics.score import Score


def density_and_coverage_of(x: np.ndarray, y: np.ndarray, k: int) -> tuple[float, float]:
  """Counts how many balls of x each of y lies in, against the k that are expected, and which share of them holds some y.

  The ball of a sample of x reaches up to its k-th nearest neighbour in x, which is not in it.

  Args:
    x: real features [M, F], M > k.
    y: generated features [N, F].
    k: neighbours.

  Returns:
    (density, >= 0, about 1 for equal distributions; coverage, in [0, 1])
  """
  radii = squared_radii(x, k)
  within, covered = 0, np.zeros(len(x), bool)
  for _, squared in squared_distances(y, x):
    inside = squared < radii
    within += inside.sum()
    covered |= inside.any(axis=0)
  return within / (k * len(y)), covered.mean()


def density_coverage(real: EvalSamples, fake: EvalSamples, k: int = 5) -> dict[str, Score]:
  """Scores how densely the fake images lie among the real ones, and how many real ones they are near to. Larger is better.

  The definition has features of VGG-16, so that the names say whose these are: 'inception_density', 'classifier_density' ...
  There is no value, and a warning, where the real images have no k neighbours.
  """
  errors.check_counts('density_coverage', k=k)
  return neighbours.scores(('density', 'coverage'), density_and_coverage_of, real, fake, k)
