"""A metric of somebody else."""

import numpy as np

from tf_stugan.metrics.samples import EvalSamples
from tf_stugan.metrics.score import LOWER
from tf_stugan.metrics.score import Score


def mean_gap(real: EvalSamples, fake: EvalSamples) -> dict[str, Score]:
  """The largest difference between mean features."""
  return {'mean_gap': Score(np.abs(real.mean - fake.mean).max(), LOWER)}
