"""Sources of one domain each, and the test splits of all sources."""

import json
import shutil
import types

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from tests.data.test_stored_images import paint
from tests.data.test_tfds_images import noise
from tf_stugan import configuration
from tf_stugan import errors
from tf_stugan.data import domains
from tf_stugan.data import embedded
from tf_stugan.data import image_folder
from tf_stugan.data import random_images
from tf_stugan.data import tfds_images
from tf_stugan.data import tiny_imagenet
from tf_stugan.data.images import Images
from tf_stugan.procedures import procedure


@pytest.fixture
def animals(tmp_path):
  """A folder with classes 'cat' (3 images) and 'dog' (2), and one named by a digit."""
  for i, name in enumerate(('cat', 'cat', 'cat', 'dog', 'dog', '0')):
    paint(tmp_path / 'animals' / name / f'{i}.png', i, (16, 16))
  return tmp_path / 'animals'


@pytest.fixture
def horse2zebra(tmp_path):
  """trainA (3 images), trainB (2), testA (2), testB (1), of several sizes."""
  for part, count in (('trainA', 3), ('trainB', 2), ('testA', 2), ('testB', 1)):
    for i in range(count):
      paint(tmp_path / 'horse2zebra' / part / f'{i}.png', 10 * len(part) + i, (20 + i, 24))
  return tmp_path / 'horse2zebra'


def test_a_class_by_name_or_by_number(animals):
  source = image_folder.ImageFolder(str(animals), None)
  whole = source.load()
  assert whole.classes == ['0', 'cat', 'dog']
  dogs = domains.OneClass(source, 'dog').load()
  np.testing.assert_array_equal(dogs.images, whole.images[4:])
  assert (dogs.labels.tolist(), dogs.num_classes, dogs.name) == ([0, 0], 1, 'animals, class dog')
  assert domains.OneClass(source, 2).load().fingerprint == dogs.fingerprint
  assert len(domains.OneClass(source, '0').load()) == 1 and domains.OneClass(source, 0).load().name == 'animals, class 0'
  assert domains.OneClass(source, 1).load().fingerprint != dogs.fingerprint


def test_a_number_means_the_class_of_that_name_among_test_images_too(tmp_path):
  for part, classes in (('train', ('ape', 'bee', 'cat')), ('test', ('bee', 'cat'))):
    for i, name in enumerate(classes):
      paint(tmp_path / part / name / 'a.png', 10 * len(part) + i, (16, 16))
  source = domains.OneClass(image_folder.ImageFolder(str(tmp_path / 'train'), None), 1)
  assert source.load().classes == source.test_source().load().classes == ['bee']
  with pytest.raises(errors.DataError, match='has no class 0'):  # ape
    domains.OneClass(source.source, 0).test_source().load()


def test_a_class_of_a_set_without_names():
  data = domains.OneClass(random_images.RandomImages(10, 4, num_classes=3), 1).load()
  np.testing.assert_array_equal(data.images, random_images.RandomImages(10, 4).load().images[1::3])
  assert data.name == 'random/train, class 1'


def test_a_class_of_a_prepared_set(animals, tmp_path):
  source = image_folder.ImageFolder(str(animals), None)
  expected = domains.OneClass(source, 'dog').load(str(tmp_path))
  source.prepare(str(tmp_path))
  streamed = domains.OneClass(source, 'dog').load(str(tmp_path))
  assert isinstance(source.load(str(tmp_path)).images, np.memmap) and not isinstance(streamed.images, np.memmap)
  assert streamed.fingerprint == expected.fingerprint
  manifest = source.prepared_folder(str(tmp_path)) / 'manifest.json'
  older = json.loads(manifest.read_text())
  del older['classes']
  manifest.write_text(json.dumps(older))
  assert domains.OneClass(source, 2).load(str(tmp_path)).fingerprint == expected.fingerprint
  with pytest.raises(errors.DataError, match="no class 'dog'. Its classes are 0 to 2, and have no names here"):
    domains.OneClass(source, 'dog').load(str(tmp_path))


@pytest.mark.parametrize('label, message', [
    ('cow', "animals has no class 'cow'. Its classes are 0 to 2: 0, cat, dog"), (3, 'animals has no class 3'),
    ('dog', 'animals has no image of class dog')])
def test_a_class_that_is_not_there_is_told_in_one_line(label, message, animals):
  for path in (animals / 'dog').iterdir():
    path.write_bytes(b'')
  with pytest.raises(errors.DataError, match=message) as raised:
    domains.OneClass(image_folder.ImageFolder(str(animals), None), label).load()
  assert '\n' not in str(raised.value)


def test_a_class_that_memory_does_not_hold_is_refused(animals, monkeypatch):
  monkeypatch.setattr(domains, 'MEMORY_LIMIT', 3 * 16 * 16 * 3 - 1)
  source = image_folder.ImageFolder(str(animals), None)
  assert len(domains.OneClass(source, 'dog').load()) == 2
  with pytest.raises(errors.DataError, match='class cat takes'):
    domains.OneClass(source, 'cat').load()


def test_settings_that_make_no_sense():
  for label in (-1, 1.5, None):
    with pytest.raises(errors.UserError, match='OneClass.label is a whole number'):
      domains.OneClass(embedded.Digits(), label)


def test_the_domains_of_a_folder_and_their_test_images(horse2zebra):
  a, b = (image_folder.domain_folder(str(horse2zebra), domain, 16) for domain in 'AB')
  parts = [source.load() for source in (a, b, a.test_source(), b.test_source())]
  assert [len(data) for data in parts] == [3, 2, 2, 1]
  assert [data.name.split(',')[0] for data in parts] == [f'horse2zebra/{part}' for part in (
      'trainA', 'trainB', 'testA', 'testB')]
  assert len({data.fingerprint for data in parts}) == 4
  assert {data.image_shape for data in parts} == {(16, 16, 3)}
  assert a.prepared_folder() != a.test_source().prepared_folder()


def test_a_run_without_scores_does_without_test_images(horse2zebra, caplog):
  shutil.rmtree(horse2zebra / 'testB')
  data = {name: image_folder.domain_folder(str(horse2zebra), name.upper(), 16) for name in 'ab'}
  game = types.SimpleNamespace(outputs={domain: types.SimpleNamespace(source=domain) for domain in 'ab'})
  shown = procedure.Experiment(data, None, None, None).load_originals(game, None)
  assert [shown[domain].name.split(',')[0] for domain in 'ab'] == ['horse2zebra/testA', 'horse2zebra/trainB']
  assert 'Samples of domain b are made of training images' in caplog.text
  with pytest.raises(errors.DataError, match='testB is not a folder'):
    procedure.Experiment(data, None, 'an evaluator', None).load_originals(game, None)


def test_a_folder_called_train_has_its_test_images_beside_it(animals):
  animals.rename(animals.with_name('train'))
  paint(animals.with_name('test') / 'dog' / 'x.png', 77, (16, 16))
  source = domains.OneClass(image_folder.ImageFolder(str(animals.with_name('train')), None), 'dog')
  assert (len(source.load()), len(source.test_source().load())) == (2, 1)


@pytest.mark.parametrize('split, test', [
    ('train', 'test'), ('trainA', 'testA'), ('trainB[:10%]', 'testB'), ('unlabelled', 'test'), ('train+unlabelled', 'test')])
def test_splits_of_tensorflow_datasets(split, test):
  source = tfds_images.TFDSImages('cycle_gan/horse2zebra', split, 128, labelled=False)
  assert vars(source.test_source()) == vars(tfds_images.TFDSImages('cycle_gan/horse2zebra', test, 128, labelled=False))


def test_the_images_that_imagenet_and_tiny_imagenet_are_tested_on_are_called_otherwise():
  assert tfds_images.TFDSImages('imagenet2012').test_source().split == 'validation'
  assert tiny_imagenet.TinyImageNet().test_source().split == 'val'


def test_cycle_gan_sets_of_tensorflow_datasets(tmp_path):
  """In TFDS's own layout and under its own version, with three of the four splits."""
  features = tfds.features.FeaturesDict({
      'image': tfds.features.Image(shape=(None, None, 3), encoding_format='jpeg'),
      'label': tfds.features.ClassLabel(names=['A', 'B'])})
  def split(label, count):
    examples = [{'image': image, 'label': label} for image in noise(*[(30, 20)] * count)]
    return tf.data.Dataset.from_generator(lambda: examples, output_signature={
        'image': tf.TensorSpec([None, None, 3], tf.uint8), 'label': tf.TensorSpec([], tf.int64)})
  tfds.dataset_builders.store_as_tfds_dataset(
      name='cycle_gan', config='horse2zebra', version='3.0.0', features=features, data_dir=str(tmp_path),
      split_datasets={'trainA': split(0, 3), 'trainB': split(1, 2), 'testA': split(0, 1)})
  a, b = (tfds_images.TFDSImages('cycle_gan/horse2zebra', f'train{domain}', 16, labelled=False) for domain in 'AB')
  parts = [source.load(str(tmp_path)) for source in (a, b, a.test_source())]
  assert [(len(data), data.num_classes, data.image_shape) for data in parts] == [(n, 1, (16, 16, 3)) for n in (3, 2, 1)]
  assert parts[2].name.startswith('cycle_gan/horse2zebra/testA, ')
  with pytest.raises(errors.DataError, match='horse2zebra.*testB.*cannot be read') as raised:
    b.test_source().load(str(tmp_path))
  assert '\n' not in str(raised.value)


@pytest.mark.parametrize('make, message', [
    (lambda path: embedded.Digits().test_source(), 'Digits has no test images'),
    (lambda path: image_folder.ImageFolder(path, 16).test_source(), "animals has no test images.*'test' beside"),
    (lambda path: domains.OneClass(image_folder.ImageFolder(path, 16), 'dog').test_source(), 'no test images'),
    (lambda path: image_folder.domain_folder(path, 'A', 16).test_source().load(), 'testA is not a folder')])
def test_test_images_that_are_missing_are_told_in_one_line(make, message, animals):
  with pytest.raises(errors.DataError, match=message) as raised:
    make(str(animals))
  assert '\n' not in str(raised.value)


def test_noise_has_other_noise_to_test_with():
  source = random_images.RandomImages(6, 4)
  test = source.test_source().load()
  assert test.name == 'random/test' and (test.images != source.load().images).any()
  np.testing.assert_array_equal(test.images, source.test_source().load().images)


@pytest.mark.parametrize('shape, message', [
    ((8, 8, 1), r'a: \(8, 8, 3\) of one; b: \(8, 8, 1\) of two.*IMAGE_CHANNELS'), ((8, 16, 3), 'IMAGE_RESOLUTION')])
def test_domains_have_to_have_images_of_one_shape(shape, message):
  def data(name, *shape):
    return Images(name, np.zeros([2, *shape], np.uint8), np.zeros(2, np.int32), 1)
  domains.check_alike({'a': data('one', 8, 8, 3), 'b': data('two', 8, 8, 3)})
  with pytest.raises(errors.DataError, match=message):
    domains.check_alike({'a': data('one', 8, 8, 3), 'b': data('two', *shape)})


@pytest.fixture
def from_gin(tmp_path):
  """Makes the domains of gin_configs/datasets/NAME.gin, with bindings on top."""
  def make(name, *bindings):
    (tmp_path / 'domains.gin').write_text(
        f"include 'datasets/{name}.gin'\n")
    configuration.load([tmp_path / 'domains.gin'], bindings)
    made = configuration.make_data()
    assert list(made) == ['a', 'b']
    return made.values()
  return make


def test_two_classes_from_gin(from_gin):
  a, b = from_gin('cifar10_classes', "CLASS_B = 'cat'")
  assert (a.label, b.label, a.source.name, a.source.resolution) == ('horse', 'cat', 'cifar10', None)
  assert b.test_source().source.split == 'test'


def test_sets_and_folders_from_gin(from_gin, horse2zebra):
  a, b = from_gin('cycle_gan_set', 'IMAGE_RESOLUTION = 128')
  assert (a.name, a.split, b.split, b.resolution, b.labelled) == (
      'cycle_gan/horse2zebra', 'trainA', 'trainB', 128, False)
  a, b = from_gin('domain_folder', f'IMAGE_FOLDER = {str(horse2zebra)!r}', 'IMAGE_RESOLUTION = 16')
  assert [len(source.load()) for source in (a, b, a.test_source())] == [3, 2, 2]
