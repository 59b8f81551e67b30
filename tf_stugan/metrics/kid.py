"""Kernel distance (Binkowski et al., 2018, https://arxiv.org/abs/1801.01401)."""

import logging

import numpy as np

from tf_stugan.metrics.samples import EvalSamples
from tf_stugan.metrics.score import LOWER
from tf_stugan.metrics.score import Score

_LOG = logging.getLogger(__name__)


def squared_mmd(x: np.ndarray, y: np.ndarray) -> float:
  """Returns the unbiased squared maximum mean discrepancy with the kernel (x . y / F + 1)^3, in float64.

  Args:
    x, y: features [M, F] and [N, F], M, N >= 2.

  Returns:
    The estimate; it can be negative.
  """
  x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
  def kernel(a, b):
    return (a @ b.T / a.shape[1] + 1)**3
  def mean_off_diagonal(k):
    return (k.sum() - np.trace(k)) / (len(k) * (len(k) - 1))
  return float(mean_off_diagonal(kernel(x, x)) + mean_off_diagonal(kernel(y, y)) - 2 * kernel(x, y).mean())


def kid(real: EvalSamples, fake: EvalSamples, block_size: int = 1000) -> dict[str, Score]:
  """Averages over equal blocks of at most `block_size` images: 'kid' with Inception features, other names with others.

  Blocks follow the random order in which features are kept, so that each holds images of all classes. There is no value,
  and a warning, where a block would have one image.
  """
  count = min(len(real.features), len(fake.features))
  blocks = max(1, -(-count // block_size))
  if count // blocks < 2:
    _LOG.warning('Left out: the kernel distance needs two images of each kind in a block; there are %d real and %d '
                 'generated ones, and block_size is %d.', len(real.features), len(fake.features), block_size)
    return {}
  pairs = zip(np.array_split(real.features[:count], blocks), np.array_split(fake.features[:count], blocks), strict=True)
  values = [squared_mmd(x, y) for x, y in pairs]
  return {real.extractor.names['kid']: Score(np.mean(values), LOWER)}
