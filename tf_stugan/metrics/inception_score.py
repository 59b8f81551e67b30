"""Inception score (Salimans et al., 2016, https://arxiv.org/abs/1606.03498)."""

import numpy as np

from tf_stugan.metrics.samples import EvalSamples
from tf_stugan.metrics.score import HIGHER
from tf_stugan.metrics.score import Score


def score(probabilities: np.ndarray) -> float:
  """Returns exp(E_x KL(p(y|x) || p(y))): class probabilities [N, K] -> a number in [1, K]."""
  p = np.asarray(probabilities, np.float64)
  marginal = p.mean(axis=0)
  floor = np.finfo(np.float64).tiny
  divergence = (p * (np.log(np.maximum(p, floor)) - np.log(np.maximum(marginal, floor)))).sum(axis=1)
  return float(np.exp(divergence.mean()))


def inception_score(real: EvalSamples, fake: EvalSamples, splits: int = 10) -> dict[str, Score]:
  """Scores fake images by mean and standard deviation of the score over consecutive splits. Larger is better.

  'is' with Inception's logits, 'cs' (classifier score) with a classifier's; nothing where the extractor knows no classes.
  """
  del real
  name = fake.extractor.names.get('is')
  if name is None:
    return {}
  scores = [score(part) for part in np.array_split(fake.probabilities, min(splits, fake.count))]
  return {name: Score(np.mean(scores), HIGHER), f'{name}_std': Score(np.std(scores))}
