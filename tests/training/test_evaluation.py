import functools
import logging

import numpy as np
import pytest

from tf_stugan import errors
from tf_stugan.compat import keras
from tf_stugan.data import random_images
from tf_stugan.gans.outputs import FromImages
from tf_stugan.metrics import features
from tf_stugan.metrics import fid
from tf_stugan.metrics import inception_score
from tf_stugan.metrics import kid
from tf_stugan.metrics import prd
from tf_stugan.training import evaluation


class Brightness(features.FeatureExtractor):
  """A feature extractor: the mean of each channel."""

  description = 'brightness'

  def __init__(self, identity=''):
    self.identity = identity
    self.seen = 0

  def prepare(self, data, cache_dir):
    del data, cache_dir

  def __call__(self, images):
    self.seen += len(images)
    means = images.reshape(len(images), -1, 3).mean(axis=1)
    return means, means


class Recorder:
  """An output that notes what it is asked for."""

  domain, source, weights = 'data', '', 'average'

  def __init__(self):
    self.calls = []

  def count(self, wanted, originals):
    assert originals is None
    return wanted

  def inputs(self, numbers, originals):
    return numbers

  def make(self, inputs, batch_statistics=False):
    self.calls.append((len(inputs), batch_statistics))
    return np.random.default_rng(0).uniform(-1, 1, [len(inputs), 4, 4, 3]).astype(np.float32)


@pytest.mark.parametrize('batch_statistics, sizes', [(False, [6, 4]), (True, [6, 6])])
def test_batch_statistics_are_those_of_whole_batches_and_named_in_the_protocol(batch_statistics, sizes, tmp_path):
  counted = []
  evaluator = evaluation.Evaluator(
      Brightness(), [lambda real, fake: counted.append(fake.count) or {}], 10, 6, batch_statistics)
  output = Recorder()
  evaluator.prepare({'data': random_images.RandomImages(12, 4).load()}, {'images': output}, tmp_path)
  evaluator.evaluate({'images': output})
  assert output.calls == [(size, batch_statistics) for size in sizes]
  assert counted == [10]
  assert evaluator.protocol()['scored'] == (
      'average, BatchNorm statistics of batches of 6' if batch_statistics else 'average, running BatchNorm statistics')


def translators(factor):
  """Two outputs that lead there and back: darker by `factor`, and not at all lighter again."""
  def network(factor):
    return keras.Sequential([keras.layers.Lambda(lambda x: factor * x)])
  return {'a_to_b': FromImages('a_to_b', network(factor), None, 'b', 'a', (4, 4, 3), 'b_to_a'),
          'b_to_a': FromImages('b_to_a', network(1.0), None, 'a', 'b', (4, 4, 3), 'a_to_b')}


@pytest.mark.parametrize('batch_statistics', [False, True])
def test_translations_are_scored_by_what_comes_back_of_the_test_images(batch_statistics, tmp_path):
  data, originals = ({name: random_images.RandomImages(count, 4, seed=seed + i).load() for i, name in enumerate('ab')}
                     for count, seed in ((12, 0), (5, 2)))
  evaluator = evaluation.Evaluator(Brightness(), [fid.fid], 10, 2, batch_statistics)
  evaluator.prepare(data, translators(0.25), tmp_path, originals)
  scores = evaluator.evaluate(translators(0.25))
  lost = [0.75 * np.abs(originals[name].images / 127.5 - 1).mean() for name in 'ab']
  assert [scores[f'{name}/cycle_error'] for name in ('a_to_b', 'b_to_a')] == pytest.approx(lost, rel=1e-5)
  assert scores['cycle_error'] == pytest.approx(np.mean(lost), rel=1e-5) and scores['cycle_error'].better == 'lower'


def test_a_score_that_one_direction_has_too_few_images_for_has_no_mean(tmp_path):
  data, originals = ({name: random_images.RandomImages(count, 4, seed=seed + i).load() for i, (name, count) in enumerate(
      counts.items())} for counts, seed in (({'a': 12, 'b': 12}, 0), ({'a': 12, 'b': 5}, 2)))
  metrics = [functools.partial(prd.prd, num_clusters=6, runs=1), fid.fid]
  evaluator = evaluation.Evaluator(Brightness(), metrics, 10, 8)
  evaluator.prepare(data, translators(1.0), tmp_path, originals)
  scores = evaluator.evaluate(translators(1.0))
  assert {name for name in scores if name.endswith('prd_f8')} == {'a_to_b/classifier_prd_f8'}
  assert scores['fcd'] == pytest.approx((scores['a_to_b/fcd'] + scores['b_to_a/fcd']) / 2)


@pytest.mark.parametrize('found', [0.5, {'gap': 0.5}])
def test_a_metric_that_returns_a_plain_number_is_named(found, tmp_path):
  def gap(real, fake):
    return found
  with pytest.raises(errors.UserError, match=f'The metric gap returns {found}; a metric returns .*Score') as info:
    scores(tmp_path, extra_metrics=[gap])
  assert '\n' not in str(info.value)


@pytest.mark.parametrize(('reference', 'count', 'told'), [
    ('train', 12, 'random/train'), ('train and test', 17, 'random/train and random/test')])
def test_what_translations_are_compared_with_is_chosen_and_told(reference, count, told, tmp_path):
  sources = {name: random_images.RandomImages(12, 4, seed=i) for i, name in enumerate('ab')}
  originals = {name: random_images.RandomImages(5, 4, seed=i).test_source().load() for i, name in enumerate('ab')}
  extractor = Brightness()
  evaluator = evaluation.Evaluator(extractor, [fid.fid], 10, 8, reference=reference)
  evaluator.prepare({name: source.load() for name, source in sources.items()}, translators(1.0), tmp_path, originals)
  assert extractor.seen == 2 * count
  protocol = evaluator.protocol()
  assert (protocol['real_images'], protocol['data'], protocol['generated_images']) == (count, told, 5)


def scores(cache_dir, identity='brightness', batch_size=6, num_images=20, extra_metrics=()):
  """(scores, real images that the extractor was shown)"""
  extractor = Brightness(identity)
  metrics = [fid.fid, inception_score.inception_score, kid.kid, *extra_metrics]
  evaluator = evaluation.Evaluator(extractor, metrics, 10, batch_size)
  outputs = {'images': Recorder()}
  evaluator.prepare({'data': random_images.RandomImages(num_images, 4).load()}, outputs, cache_dir)
  shown = extractor.seen
  return evaluator.evaluate(outputs), shown


def test_probabilities_of_real_images_are_not_kept(tmp_path):
  kept = []
  scores(tmp_path, extra_metrics=[lambda real, fake: kept.append((real.probabilities, fake.probabilities.shape)) or {}])
  assert kept == [(None, (10, 3))]


def test_cached_features_of_real_images_give_the_same_bits(tmp_path, caplog):
  uncached = scores(tmp_path, identity='')
  assert not list(tmp_path.iterdir())
  with caplog.at_level(logging.INFO):
    computed, cached = scores(tmp_path), scores(tmp_path)
  assert (uncached[1], computed[1], cached[1]) == (20, 20, 0)
  assert uncached[0] == computed[0] == cached[0]
  path, = tmp_path.iterdir()
  assert f'kept in {path}' in caplog.text and f'from {path}' in caplog.text


@pytest.mark.parametrize('change', [{'identity': 'another'}, {'batch_size': 5}, {'num_images': 21}])
def test_cached_features_are_for_one_extractor_one_data_set_and_one_batch_size(change, tmp_path):
  scores(tmp_path)
  assert scores(tmp_path, **change)[1] == change.get('num_images', 20)
  assert scores(tmp_path)[1] == 0


@pytest.mark.parametrize('damage', [
    lambda content: b'', lambda content: b'nonsense', lambda content: content[:len(content) // 2],
    lambda content: content[:300] + bytes([content[300] ^ 1]) + content[301:]])
def test_damaged_features_are_computed_anew(damage, tmp_path, caplog):
  first = scores(tmp_path)
  path, = tmp_path.iterdir()
  path.write_bytes(damage(path.read_bytes()))
  assert scores(tmp_path) == first
  assert f'{path} are damaged' in caplog.text
  assert scores(tmp_path) == (first[0], 0)


def test_features_that_cannot_be_kept_do_not_stop_a_run(tmp_path, caplog):
  (tmp_path / 'file').touch()
  assert scores(tmp_path / 'file') == scores(tmp_path)
  assert 'could not be kept' in caplog.text
