"""Distances between sets of features, some rows at a time: those of 10,000 and 10,000 images would take 800 MB."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from tf_stugan.metrics import samples
from tf_stugan.metrics.samples import EvalSamples
from tf_stugan.metrics.score import HIGHER
from tf_stugan.metrics.score import Score

Formula = Callable[[np.ndarray, np.ndarray, int], Sequence[float]]  # of features [M, F] and [N, F], and k

_AT_A_TIME = 2**22  # distances
_NOTHING = 1e-13  # of the squared lengths: what rounding leaves of the squared distance of two equal features


def squared_distances(x: np.ndarray, y: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
  """Yields which rows of x, and their squared distances to all of y in float64 [rows, N]; those of equal features are 0.

  Args:
    x, y: features [M, F] and [N, F].
  """
  origin = np.mean(y, axis=0, dtype=np.float64)  # far from the origin, differences would lose digits
  y = y - origin
  lengths = np.square(y).sum(axis=1)
  rows = max(1, _AT_A_TIME // len(y))
  for start in range(0, len(x), rows):
    part = x[start:start + rows] - origin
    scale = np.square(part).sum(axis=1)[:, None] + lengths
    squared = scale - 2 * (part @ y.T)
    yield slice(start, start + len(part)), np.where(squared > _NOTHING * scale, squared, 0)


def squared_radii(x: np.ndarray, k: int) -> np.ndarray:
  """Returns the squared distance [N] of each row of x [N, F] to its k-th nearest neighbour among the others, k < N."""
  radii = np.empty(len(x))
  for rows, squared in squared_distances(x, x):
    squared[np.arange(len(squared)), np.arange(rows.start, rows.stop)] = np.inf  # nobody is a neighbour of his own
    radii[rows] = np.partition(squared, k - 1, axis=1)[:, k - 1]
  return radii


def scores(names: Sequence[str], formula: Formula, real: EvalSamples, fake: EvalSamples, k: int) -> dict[str, Score]:
  """Scores by the k nearest neighbours of images; larger is better.

  Args:
    names: of the scores; those of the features are put before them where the definition has others.
    formula: gives their values of real and generated features.
    real, fake: what is compared.
    k: neighbours, >= 1.

  Returns:
    Scores by name; none, and a warning, where a side has no k neighbours.
  """
  if not samples.are_enough(k + 1, f'{" and ".join(names)} with {k} neighbours', real, fake):
    return {}
  conditions = f'{k} neighbours, {len(real.features)} real and {len(fake.features)} generated images'
  values = formula(real.features, fake.features, k)
  return {real.extractor.score_name(name): Score(value, HIGHER, conditions)
          for name, value in zip(names, values, strict=True)}
