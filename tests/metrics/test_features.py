"""Extractors: a SavedModel in the place of Inception, and the classifier's cache."""

import shutil

import numpy as np
import pytest
import tensorflow as tf

from tf_stugan import errors
from tf_stugan.data import random_images
from tf_stugan.metrics import features


class Imitation(tf.Module):
  """Takes what TF-GAN's module takes; features are the mean colour, logits two of its channels."""

  @tf.function(input_signature=[tf.TensorSpec([None, 299, 299, 3])])
  def __call__(self, x):
    mean = tf.reduce_mean(x, axis=[1, 2])
    return {'pool_3': mean, 'logits': mean[:, :2]}


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
  assert extractor.is_inception


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
