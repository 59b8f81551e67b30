"""Precision and recall of distributions (Sajjadi et al., 2018, https://arxiv.org/abs/1806.00035, section 3)."""

import warnings

import numpy as np

from tf_stugan import errors
from tf_stugan.metrics import samples
from tf_stugan.metrics.samples import EvalSamples
from tf_stugan.metrics.score import Curve
from tf_stugan.metrics.score import HIGHER
from tf_stugan.metrics.score import Score

_ANGLES = 1001  # of the lines through the origin, on which the points of the curve lie
_MARGIN = 1e-10  # rad, from the axes; and what a quotient is kept from 0 / 0 by
_EVERY = 10  # of how many points the curve that is drawn has one


def histograms(x: np.ndarray, y: np.ndarray, num_clusters: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
  """Clusters both sets together (mini-batch k-means), and returns the share [num_clusters] that each has in each cluster.

  Args:
    x, y: features [M, F] and [N, F], M + N >= num_clusters.
    num_clusters: of k-means.
    seed: of its ten starts, the best of which is taken.
  """
  from sklearn import cluster  # pylint: disable=g-import-not-at-top  (a second to import, and only needed here)
  from sklearn import exceptions  # pylint: disable=g-import-not-at-top
  k_means = cluster.MiniBatchKMeans(num_clusters, n_init=10, random_state=seed)
  with warnings.catch_warnings():
    warnings.simplefilter('ignore', exceptions.ConvergenceWarning)  # a constant generator has one cluster
    clusters = k_means.fit_predict(np.concatenate([x, y]))
  return tuple(np.bincount(c, minlength=num_clusters) / len(c) for c in np.split(clusters, [len(x)]))


def curve(p: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Computes which precisions go with which recalls (Eq. 7), on lines through the origin from one axis to the other.

  Args:
    p, q: what is learned, and what learned it: probabilities [S] over the same states.

  Returns:
    (precisions, recalls), float64 [1001] in [0, 1].
  """
  slopes = np.tan(np.linspace(_MARGIN, np.pi / 2 - _MARGIN, _ANGLES))
  precisions = np.minimum(slopes[:, None] * p, q).sum(axis=1)
  return np.clip(precisions, 0, 1), np.clip(precisions / slopes, 0, 1)


def f_score(precisions: np.ndarray, recalls: np.ndarray, beta: float) -> float:
  """Returns the largest F-measure on a curve; beta > 1 weighs recall more than precision."""
  scores = (1 + beta**2) * precisions * recalls / (beta**2 * precisions + recalls + _MARGIN)
  return float(scores.max())


def prd(real: EvalSamples, fake: EvalSamples, num_clusters: int = 20, runs: int = 10, beta: float = 8.0) -> dict[str, Score]:
  """Scores recall (F_8) and precision (F_1/8) by the mean curve of several clusterings. Larger is better.

  'prd_f8' and 'prd_f1_8' with Inception features, as in the definition; other names with others. The larger side is cut
  to the size of the other. There is no value, and a warning, where a side has fewer images than there are clusters.
  """
  errors.check_counts('prd', num_clusters=num_clusters, runs=runs)
  if not samples.are_enough(num_clusters, f'PRD with {num_clusters} clusters', real, fake):
    return {}
  count = min(len(real.features), len(fake.features))
  x, y = real.features[:count], fake.features[:count]
  curves = [curve(*histograms(x, y, num_clusters, seed)) for seed in range(runs)]
  precisions, recalls = np.mean(curves, axis=0)
  name = real.extractor.score_name
  conditions = f'{num_clusters} clusters, {runs} clusterings of {count} images a side'
  line = Curve(name('prd'), {'recall': recalls[::_EVERY].tolist(), 'precision': precisions[::_EVERY].tolist()})
  return {name(f'prd_f{beta:g}'): Score(f_score(precisions, recalls, beta), HIGHER, conditions, line),
          name(f'prd_f1_{beta:g}'): Score(f_score(precisions, recalls, 1 / beta), HIGHER, conditions)}
