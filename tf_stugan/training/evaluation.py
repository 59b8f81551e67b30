"""Scores what a game makes; the same checkpoint always gets the same scores."""

from collections.abc import Callable, Mapping, Sequence
import hashlib
import json
import logging
import pathlib

import numpy as np
import tensorflow as tf

from tf_stugan import errors
from tf_stugan.data import images as images_lib
from tf_stugan.gans.outputs import Output
from tf_stugan.metrics import samples
from tf_stugan.metrics.features import FeatureExtractor
from tf_stugan.metrics.score import LOWER
from tf_stugan.metrics.score import Score

_LOG = logging.getLogger(__name__)

Metric = Callable[[samples.EvalSamples, samples.EvalSamples], dict[str, Score]]  # (real, fake) -> scores by name


REFERENCES = ('train', 'train and test')
_KERNEL_DISTANCE = f'{samples.KEPT_FEATURES} images a side at most, chosen by a fixed permutation'


class Evaluator:
  """Compares what a game makes with the training images.

  A generator is scored by its images of seeds 0 .. num_samples - 1, a translator by the translations of all images that
  are given to `prepare` as originals. Generated images pass through uint8 first, as saved images would.

  Args:
    extractor: computes the features that the metrics compare.
    metrics: for example [@fid.fid, @inception_score.inception_score]. The first score of the first one decides which
      checkpoint is the best.
    num_samples: generated images; 50,000 in the papers.
    batch_size: images at a time; only scores with batch statistics depend on it.
    batch_statistics: normalize by the statistics of each batch, as the published BigGAN scores do, instead of running
      statistics.
    reference: the real images that translations are compared with: 'train' or 'train and test'.
    extractor_data: what an extractor that learns is trained on; the first domain if not given.
    more: further metrics, each under a name of its own, so that several gin files can add one in any order.
  """

  def __init__(self, extractor: FeatureExtractor, metrics: Sequence[Metric], num_samples: int = 50_000,
               batch_size: int = 200, batch_statistics: bool = False, reference: str = 'train',
               extractor_data: images_lib.ImageSource | None = None, **more: Metric):
    errors.check_counts(self, 2, num_samples=num_samples)
    errors.check_counts(self, batch_size=batch_size)
    self.extractor = extractor
    if strangers := [name for name, metric in more.items() if not callable(metric)]:
      raise errors.UserError(f"Evaluator has no parameter '{strangers[0]}', and its value is no metric (@module.function).")
    self.metrics = [*metrics, *more.values()]
    self.num_samples = num_samples
    self.batch_size = batch_size
    self.batch_statistics = batch_statistics
    if reference not in REFERENCES:
      raise errors.UserError(f'Evaluator.reference is one of {REFERENCES}; got {reference!r}.')
    self.reference = reference
    self.extractor_data = extractor_data

  def prepare(self, data: Mapping[str, images_lib.Images], outputs: Mapping[str, Output], cache_dir: pathlib.Path,
              originals: Mapping[str, images_lib.Images] | None = None, data_dir: str | None = None) -> None:
    """Loads the extractor and the real statistics, so that what is missing is found before step 0.

    Args:
      data: by domain.
      outputs: what will be scored, by name.
      cache_dir: where both are kept.
      originals: images that are translated, by domain.
      data_dir: where `extractor_data` is.
    """
    self._originals = originals or {}
    self.prepare_extractor(data, cache_dir, data_dir)
    self._real, self._real_names = {}, {}
    for domain in dict.fromkeys(output.domain for output in outputs.values()):
      sets = [data[domain], *([self._originals[domain]] if self.reference == 'train and test' else [])]
      self._real[domain] = self._cached_samples(images_lib.join(sets), pathlib.Path(cache_dir))
      self._real_names[domain] = ' and '.join(images.name for images in sets)
    self._weights = [output.weights for output in outputs.values()]
    self._counts = {name: output.count(self.num_samples, self._originals.get(output.source))
                    for name, output in outputs.items()}

  def prepare_extractor(self, data: Mapping[str, images_lib.Images], cache_dir: pathlib.Path,
                        data_dir: str | None = None) -> None:
    """Loads the extractor, or trains it and keeps it in the cache; arguments as in `prepare`."""
    seen = self.extractor_data.load(data_dir) if self.extractor_data else next(iter(data.values()))
    self.extractor.prepare(seen, cache_dir)

  def compare(self, images: images_lib.Images, against: images_lib.Images,
              cache_dir: pathlib.Path) -> tuple[dict[str, Score], dict[str, str | int]]:
    """Scores images that exist already, whatever made them.

    Args:
      images: what is scored.
      against: real images of the same size; an extractor that learns is trained on them.
      cache_dir: where features of the real images are kept.

    Returns:
      (scores by name, their protocol)
    """
    self.extractor.prepare(against, cache_dir)
    real = self._cached_samples(against, cache_dir)
    _LOG.info('Features of the %d images of %s ...', len(images), images.name)
    fake = samples.gather(self.extractor, self._slices(images.images), len(images), 'is' in self.extractor.names)
    return self._compared(real, fake), {
        'extractor': self.extractor.description,
        'real_images': real.count,
        'data': f'{against.name} ({against.fingerprint})',
        'generated_images': fake.count,
        'scored': f'{images.name} ({images.fingerprint})',
        'pixels': 'uint8, as stored',
        'kernel_distance': _KERNEL_DISTANCE}

  def protocol(self) -> dict[str, str | int]:
    """Collects what has to be equal for two scores to be comparable."""
    statistics = f'BatchNorm statistics of batches of {self.batch_size}' if self.batch_statistics else (
        'running BatchNorm statistics')
    return {
        'extractor': self.extractor.description,
        'real_images': _one_or_all([real.count for real in self._real.values()]),
        'data': _one_or_all(list(self._real_names.values())),
        'generated_images': _one_or_all(list(self._counts.values())),
        'scored': f'{_one_or_all(self._weights)}, {statistics}',
        'pixels': 'uint8, truncated',
        'kernel_distance': _KERNEL_DISTANCE}

  def evaluate(self, outputs: Mapping[str, Output], stopped: Callable[[], bool] = lambda: False) -> dict[str, Score]:
    """Scores what a game makes, by name.

    Where there are several outputs, each has scores 'OUTPUT/NAME', and NAME is their mean, if all of them have it.
    Translations that lead back have a 'cycle_error' beside those of the metrics; see `Output.cycle_errors`.

    Raises:
      Interrupted: `stopped`, which is called before every batch, returned True.
      UserError: a metric returns something other than scores; the message names it.
    """
    scores = {name: self._scores_of(output, self._counts[name], stopped)
                    | self._cycle_error(output, outputs, self._counts[name], stopped) for name, output in outputs.items()}
    first, *others = scores.values()
    if not others:
      return first
    means = {name: Score(np.mean([s[name] for s in scores.values()]), score.better, score.conditions)
             for name, score in first.items() if all(name in s for s in others)}
    return means | {f'{output}/{name}': score for output, s in scores.items() for name, score in s.items()}

  def _scores_of(self, output, count, stopped):
    generated = self._generated(output, self._originals.get(output.source), count, stopped)
    fake = samples.gather(self.extractor, generated, count, keep_probabilities='is' in self.extractor.names)
    return self._compared(self._real[output.domain], fake)

  def _cycle_error(self, output, outputs, count, stopped):
    if not output.source:
      return {}
    found = [output.cycle_errors(outputs, inputs, self.batch_statistics)
             for inputs in self._inputs(output, self._originals.get(output.source), count, stopped)]
    return {} if found[0] is None else {'cycle_error': Score(np.concatenate(found)[:count].mean(), LOWER)}

  def _compared(self, real, fake):
    return {name: score for metric in self.metrics for name, score in _scored(metric, real, fake).items()}

  def _generated(self, output, originals, num_images, stopped):
    left = num_images
    for inputs in self._inputs(output, originals, num_images, stopped):
      yield images_lib.to_uint8(output.make(inputs, batch_statistics=self.batch_statistics)[:left])
      left -= self.batch_size

  def _inputs(self, output, originals, num_images, stopped):
    """Yields what the network takes, a batch at a time; the last one may be larger than what is left."""
    for start in range(0, num_images, self.batch_size):
      if stopped():
        raise errors.Interrupted('Stopped while scoring, as asked.')
      # Statistics are always those of a whole batch.
      end = start + self.batch_size if self.batch_statistics else min(start + self.batch_size, num_images)
      yield output.inputs(np.arange(start, end), originals)

  def _cached_samples(self, data, cache_dir):
    """Takes statistics of the real images from the cache, or computes and keeps them there; the same bits either way."""
    if not self.extractor.identity:
      return self._real_samples(data)
    settings = {  # whatever a bit may depend on
        'extractor': self.extractor.identity, 'data': data.fingerprint, 'batch_size': self.batch_size,
        'kept_features': samples.KEPT_FEATURES, 'tensorflow': tf.__version__,
        'devices': sorted({device.device_type for device in tf.config.list_logical_devices()}), 'version': 2}
    key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
    path = cache_dir / f'real-images-{key}.npz'
    if path.exists():
      try:
        real = samples.load(path, self.extractor)
        _LOG.info('Features of the %d real images of %s: from %s', len(data), data.name, path)
        return real
      except Exception as error:  # pylint: disable=broad-except  (a damaged archive fails in many ways)
        _LOG.warning('The cached features %s are damaged (%s) and computed anew.', path, error)
    real = self._real_samples(data)
    try:
      samples.save(path, real)
      _LOG.info('Their statistics and the features of %d are kept in %s', len(real.features), path)
    except OSError as error:  # it may have taken hours, and the run can do without the file
      _LOG.warning('The features of the real images could not be kept in %s: %s', path, error)
    return real

  def _real_samples(self, data):
    _LOG.info('Features of the %d real images of %s ...', len(data), data.name)
    return samples.gather(self.extractor, self._slices(data.images), len(data), keep_probabilities=False)

  def _slices(self, images):
    for start in range(0, len(images), self.batch_size):
      yield images[start:start + self.batch_size]


def _scored(metric, real, fake):
  """Returns the scores of one metric, by name."""
  found = metric(real, fake)
  if not isinstance(found, Mapping) or not all(isinstance(score, Score) for score in found.values()):
    raise errors.UserError(f'The metric {getattr(metric, "__name__", metric)} returns {found!r}; a metric returns '
                           '{name: Score(value, LOWER or HIGHER)}, with Score of tf_stugan.metrics.score.')
  return found


def details(scores: Mapping[str, Score]) -> dict[str, dict]:
  """Returns what a row says of scores beside their values: what is 'better', their 'conditions' and 'curves', by name."""
  better = {name: score.better for name, score in scores.items() if score.better}
  conditions = {name: score.conditions for name, score in scores.items() if score.conditions}
  curves = {''.join([*name.rpartition('/')[:2], score.curve.name]): score.curve.points
            for name, score in scores.items() if score.curve}
  return {key: value for key, value in (('better', better), ('conditions', conditions), ('curves', curves)) if value}


def _one_or_all(values):
  """Returns the value if all are equal; otherwise lists all of them in words."""
  return values[0] if len(set(values)) == 1 else ' and '.join(map(str, values))
