"""Frechet distance between two sets of features (Heusel et al., 2017, https://arxiv.org/abs/1706.08500, Eq. 6)."""

import numpy as np
import scipy.linalg

from tf_stugan.metrics.samples import EvalSamples
from tf_stugan.metrics.score import LOWER
from tf_stugan.metrics.score import Score


def frechet_distance(mean1: np.ndarray, covariance1: np.ndarray, mean2: np.ndarray, covariance2: np.ndarray) -> float:
  """Returns |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)), in float64.

  tr (C1 C2)^(1/2) is the sum of the square roots of the eigenvalues of S C2 S with S = C1^(1/2). That matrix is
  symmetric and positive semi-definite, so the result is finite and real for singular covariances too (a constant
  generator's is zero).

  Args:
    mean1, mean2: [F].
    covariance1, covariance2: [F, F].

  Returns:
    The distance, >= 0.
  """
  root = _symmetric_root(covariance1)
  eigenvalues = scipy.linalg.eigvalsh(root @ covariance2 @ root)
  trace_root = np.sqrt(np.clip(eigenvalues, 0, None)).sum()
  distance = np.sum((mean1 - mean2)**2) + np.trace(covariance1) + np.trace(covariance2) - 2 * trace_root
  return float(max(distance, 0.0))


def _symmetric_root(matrix):
  eigenvalues, vectors = scipy.linalg.eigh(matrix)
  return (vectors * np.sqrt(np.clip(eigenvalues, 0, None))) @ vectors.T


def fid(real: EvalSamples, fake: EvalSamples) -> dict[str, Score]:
  """Scores the Frechet distance of fake from real: 'fid' with Inception features, other names with others."""
  value = frechet_distance(real.mean, real.covariance, fake.mean, fake.covariance)
  return {real.extractor.names['fid']: Score(value, LOWER)}
