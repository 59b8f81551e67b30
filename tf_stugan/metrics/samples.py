"""What a metric sees of a set of images: features and class logits, and their moments in float64."""

from collections.abc import Iterable
import dataclasses
import pathlib

import numpy as np

from tf_stugan.metrics import features as features_lib
from tf_stugan.metrics.features import FeatureExtractor

KEPT_FEATURES = 10_000  # images

_STORED = ('count', 'mean', 'covariance', 'features')


@dataclasses.dataclass
class EvalSamples:
  """Statistics of N images under one feature extractor, gathered batch by batch.

  Attributes:
    extractor: whose features these are.
    count: N.
    mean: float64 [F].
    covariance: float64 [F, F], with divisor N - 1.
    features: float32 [min(N, KEPT_FEATURES), F], of images that `kept_images` chose, in its order.
    probabilities: float32 [N, K], softmax of the class logits; None for real images, of which no metric wants them, and
      where the extractor knows no classes.
  """

  extractor: FeatureExtractor
  count: int
  mean: np.ndarray
  covariance: np.ndarray
  features: np.ndarray
  probabilities: np.ndarray | None


def kept_images(num_images: int) -> np.ndarray:
  """Returns which of `num_images` images keep their features: int [min(num_images, KEPT_FEATURES)], in random order.

  The order is always the same. Data sets list their images class by class, so the first ones, or neighbours, are no sample.
  """
  return np.random.RandomState(0).permutation(num_images)[:KEPT_FEATURES]  # a stream that NumPy promises to keep


def gather(extractor: FeatureExtractor, batches: Iterable[np.ndarray], num_images: int,
           keep_probabilities: bool = True) -> EvalSamples:
  """Runs the extractor over batches of uint8 images [B, H, W, C]; holds `KEPT_FEATURES` features, and the moments of all.

  The moments are summed about the mean of the first batch: sums about zero would lose digits where the mean is large
  against the spread.

  Args:
    extractor: prepared.
    batches: `num_images` images in all.
    num_images: see `batches`.
    keep_probabilities: whether some metric wants them.
  """
  kept = kept_images(num_images)
  places = np.full(num_images, -1)  # of each image among the kept ones
  places[kept] = np.arange(len(kept))
  count, total, products, origin, features = 0, 0.0, 0.0, None, None
  probabilities = []
  for images in batches:
    batch_features, logits = extractor(images)
    batch = np.asarray(batch_features, np.float64)
    origin = batch.mean(axis=0) if origin is None else origin
    centred = batch - origin
    total = total + centred.sum(axis=0)
    products = products + centred.T @ centred
    if features is None:
      features = np.empty([len(kept), batch.shape[1]], np.float32)
    place = places[count:count + len(batch)]
    features[place[place >= 0]] = batch_features[place >= 0]
    if keep_probabilities:
      probabilities.append(_softmax(np.asarray(logits, np.float64)).astype(np.float32))
    count += len(batch)
  shift = total / count
  covariance = (products - count * np.outer(shift, shift)) / max(count - 1, 1)
  return EvalSamples(extractor, count, origin + shift, covariance, features,
                     np.concatenate(probabilities) if keep_probabilities else None)


def save(path: pathlib.Path, samples: EvalSamples) -> None:
  """Writes all but the probabilities."""
  features_lib.save_arrays(path, {name: getattr(samples, name) for name in _STORED})


def load(path: pathlib.Path, extractor: FeatureExtractor) -> EvalSamples:
  """Reads what `save` wrote. A damaged file raises any exception."""
  with open(path, 'rb') as file, np.load(file, allow_pickle=False) as arrays:  # NumPy leaves a damaged one open
    count, *others = (arrays[name] for name in _STORED)
  return EvalSamples(extractor, int(count), *others, probabilities=None)


def _softmax(logits):
  exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
  return exponentials / exponentials.sum(axis=1, keepdims=True)
