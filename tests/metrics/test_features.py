"""Extractors: a SavedModel in the place of Inception, and the classifier's cache."""

import shutil

import numpy as np
import pytest
import tensorflow as tf

from tf_stugan import errors
from tf_stugan.data import embedded
from tf_stugan.data import random_images
from tf_stugan.metrics import features
from tf_stugan.metrics import fid
from tf_stugan.metrics import inception_score
from tf_stugan.metrics import kid
from tf_stugan.metrics import random_network
from tf_stugan.metrics import samples


class Imitation(tf.Module):
  """Takes what TF-GAN's module takes; features are the mean colour, logits two of its channels."""

  @tf.function(input_signature=[tf.TensorSpec([None, 299, 299, 3])])
  def __call__(self, x):
    mean = tf.reduce_mean(x, axis=[1, 2])
    return {'pool_3': mean, 'logits': mean[:, :2]}


class Head(tf.Module):
  """Features are columns of the first row, in one of several arrangements; logits are a product with weights plus a bias."""

  def __init__(self, arrangement):
    super().__init__()
    self.arrangement = arrangement
    generator = np.random.default_rng(0)
    self.weights = tf.Variable(generator.normal(size=[299, 4]), dtype=tf.float32)
    self.bias = tf.Variable([0.5, -1.0, 2.0, 0.0])

  @tf.function(input_signature=[tf.TensorSpec([None, 299, 299, 3])])
  def __call__(self, x):
    pooled = x[:, :1, :, 0][:, :, None]  # [N, 1, 1, 299], as Inception's is
    features = tf.squeeze(pooled, [1, 2])
    if self.arrangement == 'apart':  # what is handed out is not what the logits are made of
      return {'pool_3': tf.reshape(pooled, [-1, 299]), 'logits': features @ self.weights + self.bias}
    if self.arrangement == 'no head':
      return {'pool_3': features, 'logits': x[:, 1, :4, 0]}
    return {'pool_3': features, 'logits': features @ self.weights + self.bias}


def saved_head(arrangement, path):
  head = Head(arrangement)
  tf.saved_model.save(head, str(path))
  return head, features.Inception(str(path))


@pytest.mark.parametrize('arrangement', ['together', 'apart'])
def test_logits_leave_out_the_bias_unless_asked(arrangement, tmp_path):
  head, extractor = saved_head(arrangement, tmp_path)
  data = random_images.RandomImages(4).load()
  extractor.prepare(data, tmp_path)
  pool, logits = extractor(data.images)
  np.testing.assert_allclose(logits, pool @ head.weights.numpy(), atol=1e-4)
  with_bias = features.Inception(str(tmp_path), logits_with_bias=True)
  with_bias.prepare(data, tmp_path)
  np.testing.assert_allclose(with_bias(data.images)[1], logits + head.bias.numpy(), atol=1e-4)
  assert 'without bias' in extractor.description and 'with bias' in with_bias.description


def test_logits_of_another_kind_are_taken_as_they_are_and_said_to_be(tmp_path, caplog):
  _, extractor = saved_head('no head', tmp_path)
  data = random_images.RandomImages(4).load()
  extractor.prepare(data, tmp_path)
  _, logits = extractor(data.images)
  assert logits.any() and extractor.description.endswith('logits as they are')
  assert 'cannot be told' in caplog.text


@pytest.mark.parametrize('legacy', [True, False])
def test_images_are_enlarged_as_tensorflow_1_did_it_or_as_tensorflow_2_does(legacy, tmp_path):
  saved_head('together', tmp_path)
  extractor = features.Inception(str(tmp_path), legacy_resize=legacy)
  row = np.array([10, 50, 200, 90], np.uint8)
  extractor.prepare(random_images.RandomImages(4).load(), tmp_path)
  pool, _ = extractor(np.tile(row[None, None, :, None], [1, 4, 1, 3]))
  # Target pixel i lies at 4 i / 299 of the source; with half-pixel centres at 4 (i + 1/2) / 299 - 1/2.
  places = 4 * np.arange(299) / 299 if legacy else 4 * (np.arange(299) + 0.5) / 299 - 0.5
  np.testing.assert_allclose(pool[0], (np.interp(places, np.arange(4), row) - 128) / 128, atol=1e-5)
  assert f'TensorFlow {1 if legacy else 2}' in extractor.description


def test_the_two_ways_to_enlarge_images_share_no_cache(folder, tmp_path):
  extractors = [features.Inception(folder, legacy_resize=legacy) for legacy in (True, False)]
  for extractor in extractors:
    extractor.prepare(random_images.RandomImages(4).load(), tmp_path)
  assert extractors[0].identity != extractors[1].identity


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  path = str(tmp_path_factory.mktemp('inception'))
  tf.saved_model.save(Imitation(), path)
  return path


@pytest.mark.parametrize('channels', [1, 3])
def test_inception_from_a_folder_sees_images_in_its_range(folder, channels, tmp_path):
  extractor = features.Inception(folder)
  extractor.prepare(random_images.RandomImages(8, channels=channels).load(), tmp_path)
  pool, logits = extractor(np.full([2, 32, 32, channels], 64, np.uint8))
  np.testing.assert_allclose(pool, np.full([2, 3], (64 - 128) / 128), atol=1e-5)
  assert logits.shape == (2, 2)
  assert [extractor.score_name(name) for name in ('fid', 'is', 'kid', 'prd_f8')] == ['fid', 'is', 'kid', 'prd_f8']


def test_the_identity_of_inception_is_what_is_in_its_folder(folder, tmp_path):
  data = random_images.RandomImages(8).load()
  copies = [tmp_path / name for name in ('same', 'other')]
  for copy in copies:
    shutil.copytree(folder, copy)
  (copies[1] / 'assets' / 'more').write_text('more')
  extractors = [features.Inception(str(f)) for f in (folder, *copies)]
  for extractor in extractors:
    extractor.prepare(data, tmp_path)
  ours, same, other = (extractor.identity for extractor in extractors)
  assert ours == same != other


def test_inception_that_cannot_be_had_is_told_before_training(tmp_path):
  data = random_images.RandomImages(8).load()
  with pytest.raises(errors.UserError, match='is not a folder.*INCEPTION_LOCATION'):
    features.Inception(str(tmp_path / 'nothing')).prepare(data, tmp_path)
  with pytest.raises(errors.UserError, match='could not be loaded.*INCEPTION_LOCATION'):
    features.Inception(str(tmp_path)).prepare(data, tmp_path)


def test_the_classifier_is_trained_once_and_named_by_its_hash(tmp_path):
  data = random_images.RandomImages(16).load()
  first, again = (features.Classifier(width=4, steps=2, batch_size=8) for _ in range(2))
  first.prepare(data, tmp_path)
  cached, = tmp_path.glob('classifier-*.npz')
  written = cached.stat().st_mtime_ns
  again.prepare(data, tmp_path)
  assert cached.stat().st_mtime_ns == written
  assert first.description == again.description and first.identity == again.identity != ''
  np.testing.assert_array_equal(first(data.images)[0], again(data.images)[0])


def test_a_data_set_without_labels_cannot_train_a_classifier(tmp_path):
  with pytest.raises(errors.UserError, match='no labels'):
    features.Classifier().prepare(random_images.RandomImages(16, num_classes=1).load(), tmp_path)


@pytest.mark.slow
def test_a_random_network_tells_how_far_images_are_from_the_real_ones(tmp_path):
  """Without labels, on grey images; neither blur nor noise escapes it, and more of them is farther."""
  extractor = random_network.RandomNetwork()
  data = embedded.Digits(resolution=32).load()
  extractor.prepare(data, tmp_path)
  order = np.random.default_rng(0).permutation(len(data))
  real, rest = data.images[order[:800]], data.images[order[800:1600]]

  def blurred(size):
    return np.asarray(tf.image.resize(tf.image.resize(rest, [size] * 2, 'area'), [32] * 2)).astype(np.uint8)

  def noisy(deviation):
    return np.clip(rest + np.random.default_rng(1).normal(scale=deviation, size=rest.shape), 0, 255).astype(np.uint8)

  def gathered(images):
    return samples.gather(extractor, np.split(images, 4), len(images), keep_probabilities=False)
  reference, same = gathered(real), gathered(rest)
  series = [[same, *map(gathered, worse)] for worse in ((blurred(8), blurred(4)), (noisy(10), noisy(40)))]
  for metric, name in ((fid.fid, 'rfd'), (kid.kid, 'rkd')):
    for worse in series:
      scores = [metric(reference, features) for features in worse]
      assert all(set(score) == {name} for score in scores)
      first, second, third = (score[name] for score in scores)
      assert 1.3 * first < second < third / 1.3
  assert inception_score.inception_score(reference, reference) == {}


def test_a_random_network_is_the_same_for_everyone(tmp_path):
  data = random_images.RandomImages(4, resolution=8).load()
  made = []
  for seed in (0, 0, 1):
    extractor = random_network.RandomNetwork(width=4, seed=seed)
    extractor.prepare(data, tmp_path)
    made.append((extractor(np.full([1, 8, 8, 3], 255, np.uint8))[0], extractor.identity))
  np.testing.assert_array_equal(made[0][0], made[1][0])
  assert made[0][1] == made[1][1] != made[2][1] and (made[0][0] != made[2][0]).any()
