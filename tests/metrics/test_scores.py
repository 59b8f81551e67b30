"""Metrics against independent formulas in float64, and against TF-GAN."""

import numpy as np
import pytest
import scipy.linalg
import tensorflow as tf

from tf_stugan.compat import tfgan
from tf_stugan.metrics import features
from tf_stugan.metrics import fid
from tf_stugan.metrics import inception_score
from tf_stugan.metrics import kid
from tf_stugan.metrics import samples


class Flat:
  """A feature extractor that hands through: 'images' [N, 1, 1, F] are features, and their first four logits."""

  names = {'fid': 'fcd', 'is': 'cs', 'kid': 'kcd'}

  def __call__(self, images):
    features = images.reshape(len(images), -1)
    return features, features[:, :4]


def gathered(features, batch=37):
  images = features[:, None, None, :]
  return samples.gather(Flat(), (images[i:i + batch] for i in range(0, len(images), batch)), len(images))


@pytest.fixture(scope='module')
def sets():
  generator = np.random.default_rng(0)
  real = generator.normal(size=[500, 8]) @ generator.normal(size=[8, 8]) + 3
  fake = generator.normal(size=[400, 8]) @ generator.normal(size=[8, 8]) + 2
  return real.astype(np.float32), fake.astype(np.float32)


def test_streamed_moments_are_those_of_numpy(sets):
  stream = gathered(sets[0] + 1000)  # far from zero, where naive sums lose digits
  np.testing.assert_allclose(stream.mean, (sets[0] + 1000).astype(np.float64).mean(axis=0), rtol=1e-12)
  np.testing.assert_allclose(
      stream.covariance, np.cov((sets[0] + 1000).astype(np.float64), rowvar=False), rtol=1e-7, atol=1e-9)


def test_fid_equals_the_matrix_square_root_and_tfgan(sets):
  real, fake = sets
  m1, m2 = (s.astype(np.float64).mean(axis=0) for s in sets)
  c1, c2 = (np.cov(s.astype(np.float64), rowvar=False) for s in sets)
  expected = ((m1 - m2)**2).sum() + np.trace(c1 + c2 - 2 * scipy.linalg.sqrtm(c1 @ c2).real)
  value = fid.fid(gathered(real), gathered(fake))['fcd']
  assert value == pytest.approx(expected, rel=1e-9)
  theirs = tfgan.eval.frechet_classifier_distance_from_activations(tf.constant(real), tf.constant(fake))
  assert value == pytest.approx(float(theirs), rel=1e-3)  # float32 over there


def test_fid_of_a_set_with_itself_is_zero_and_of_a_constant_generator_finite(sets):
  real = gathered(sets[0])
  assert fid.fid(real, real)['fcd'] == pytest.approx(0, abs=1e-6)
  constant = gathered(np.full([50, 8], 2.0, np.float32))
  expected = ((real.mean - 2)**2).sum() + np.trace(real.covariance)
  assert fid.fid(real, constant)['fcd'] == pytest.approx(expected, rel=1e-6)


def test_inception_score_equals_the_formula_and_tfgan(sets):
  logits = sets[1][:, :4].astype(np.float64)
  p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
  expected = np.exp((p * np.log(p / p.mean(axis=0))).sum(axis=1).mean())
  result = inception_score.inception_score(None, gathered(sets[1]), splits=1)
  assert result['cs'] == pytest.approx(expected, rel=1e-6)
  theirs = tfgan.eval.classifier_score_from_logits(tf.constant(sets[1][:, :4]))
  assert result['cs'] == pytest.approx(float(theirs), rel=1e-4)


def test_inception_score_of_splits_and_of_certain_classes():
  certain = np.eye(4)[np.arange(40) % 4]
  assert inception_score.score(certain) == pytest.approx(4)
  fake = gathered(200 * certain.astype(np.float32))
  result = inception_score.inception_score(None, fake, splits=5)
  assert (result['cs'], result['cs_std']) == (pytest.approx(4), pytest.approx(0, abs=1e-9))


@pytest.mark.parametrize('real, fake, block_size', [(1, 400, 1000), (400, 1, 1000), (400, 400, 1)])
def test_there_is_no_kid_of_single_images(sets, real, fake, block_size, caplog):
  assert kid.kid(gathered(sets[0][:real]), gathered(sets[1][:fake]), block_size) == {}
  assert 'kernel distance needs two images' in caplog.text


def test_kid_equals_the_double_sum_and_tfgan(sets):
  x, y = (s[:30].astype(np.float64) for s in sets)
  def kernel(a, b):
    return (a @ b / 8 + 1)**3
  xx = np.mean([kernel(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j])
  yy = np.mean([kernel(a, b) for i, a in enumerate(y) for j, b in enumerate(y) if i != j])
  xy = np.mean([kernel(a, b) for a in x for b in y])
  assert kid.squared_mmd(x, y) == pytest.approx(xx + yy - 2 * xy, rel=1e-9)
  theirs = tfgan.eval.kernel_classifier_distance_from_activations(
      tf.constant(sets[0][:400]), tf.constant(sets[1]), max_block_size=400)
  assert kid.kid(gathered(sets[0][:400]), gathered(sets[1]))['kcd'] == pytest.approx(float(theirs), rel=1e-3)


def by_class(count, seed):
  """Features of ten classes that lie far apart, listed class by class: one distribution, whatever the seed."""
  labels = np.arange(count) * 10 // count
  return (np.random.default_rng(seed).normal(size=[count, 4]) + 3 * labels[:, None]).astype(np.float32)


def test_kid_of_one_distribution_is_about_zero_though_images_come_class_by_class():
  real, fake = by_class(12_000, 1), by_class(12_000, 2)
  shuffled = np.random.default_rng(3).permutation(fake)
  scale = abs(kid.squared_mmd(real[:1000], fake[-1000:]))  # of the first class from the last
  for other in (fake, shuffled):
    assert abs(kid.kid(gathered(real, 500), gathered(other, 500))['kcd']) < 1e-3 * scale


def test_kept_features_are_a_fixed_sample_of_all_images():
  features = np.arange(25_000, dtype=np.float32)[:, None]
  first, second = gathered(features, 700).features, gathered(features, 25_000).features
  np.testing.assert_array_equal(first, second)  # whatever the batches
  assert len(np.unique(first)) == samples.KEPT_FEATURES
  assert abs(np.corrcoef(first[:, 0], np.arange(len(first)))[0, 1]) < 0.05
  counts, _ = np.histogram(first, 10, (0, 25_000))
  assert counts.min() > 900 and counts.max() < 1100


@pytest.mark.parametrize('count, sizes', [(1000, [1000]), (1001, [501, 500]), (1999, [1000, 999]), (2000, [1000] * 2)])
def test_blocks_of_kid_are_at_most_as_large_as_asked(count, sizes, monkeypatch):
  seen = []
  monkeypatch.setattr(kid, 'squared_mmd', lambda x, y: seen.append((len(x), len(y))) or 0.0)
  stream = gathered(np.zeros([count, 2], np.float32), 500)
  kid.kid(stream, stream, block_size=1000)
  assert seen == [(size, size) for size in sizes]


def test_only_inception_gives_scores_their_famous_names(sets):
  stream = gathered(sets[0])
  names = {**fid.fid(stream, stream), **inception_score.inception_score(stream, stream), **kid.kid(stream, stream)}
  assert set(names) == {'fcd', 'cs', 'cs_std', 'kcd'}
  stream.extractor.names = features.Inception.names
  names = {**fid.fid(stream, stream), **inception_score.inception_score(stream, stream), **kid.kid(stream, stream)}
  assert set(names) == {'fid', 'is', 'is_std', 'kid'}
