"""The reader of TensorFlow Datasets, on small sets that the test writes in TFDS's own layout."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from tf_stugan import errors
from tf_stugan.data import tfds_images

NOISE = np.random.default_rng(0)


def store(folder, name, version, images, labels, split='train', **more):
  """Writes a set as `tfds build` would; `more` are text features that it has beside the image and its label."""
  features = tfds.features.FeaturesDict({
      'image': tfds.features.Image(shape=(None, None, 3), encoding_format='png'),
      'label': tfds.features.ClassLabel(num_classes=10), **{key: tfds.features.Text() for key in more}})
  examples = [{'image': image, 'label': label, **more} for image, label in zip(images, labels, strict=True)]
  data = tf.data.Dataset.from_generator(lambda: examples, output_signature={
      'image': tf.TensorSpec([None, None, 3], tf.uint8), 'label': tf.TensorSpec([], tf.int64),
      **{key: tf.TensorSpec([], tf.string) for key in more}})
  tfds.dataset_builders.store_as_tfds_dataset(
      name=name, version=version, features=features, split_datasets={split: data}, data_dir=str(folder),
      disable_shuffling=True)


def noise(*sizes):
  return [NOISE.integers(0, 256, [*size, 3], np.uint8) for size in sizes]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  root = tmp_path_factory.mktemp('tfds')
  store(root, 'stl10', '1.0.0', noise(*[(96, 96)] * 5), [-1] * 5, 'unlabelled')
  store(root, 'imagenet2012', '5.1.0', noise((200, 300), (150, 130), (140, 140)), [3, 1, 2],
        file_name='n01440764_1.JPEG')
  return root


def test_the_unlabelled_images_of_stl10_at_48_pixels(folder):
  data = tfds_images.TFDSImages('stl10', 'unlabelled', 48, labelled=False).load(str(folder))
  assert (data.images.shape, data.labels.tolist(), data.num_classes) == ((5, 48, 48, 3), [0] * 5, 1)
  assert data.name == 'stl10/unlabelled, central square at 48 px, antialiased bilinear'


def test_missing_labels_are_not_taken_for_a_class(folder):
  with pytest.raises(errors.DataError, match='5 without a label.*labelled = False'):
    tfds_images.TFDSImages('stl10', 'unlabelled', 48, labelled=True).load(str(folder))


@pytest.mark.parametrize('split, labelled', [('train', True), ('unlabelled', False), ('train[:9]+unlabelled', False)])
def test_labels_are_taken_unless_the_split_is_called_unlabelled(split, labelled):
  assert tfds_images.TFDSImages('stl10', split).labelled == labelled


def test_asked_for_the_size_it_has_a_set_keeps_its_name(tmp_path):
  store(tmp_path, 'cifar10', '3.0.2', noise((32, 32)), [1], id='train_1')
  data = tfds_images.TFDSImages('cifar10', resolution=32).load(str(tmp_path))
  assert (data.name, data.image_shape) == ('cifar10/train', (32, 32, 3))
  data = tfds_images.TFDSImages('cifar10', resolution=16).load(str(tmp_path))
  assert (data.name, data.image_shape) == ('cifar10/train, central square at 16 px, antialiased bilinear', (16, 16, 3))


def test_images_of_several_sizes_are_brought_to_one(folder):
  data = tfds_images.TFDSImages('imagenet2012', 'train', 128).load(str(folder))
  assert (data.images.shape, data.labels.tolist(), data.num_classes) == ((3, 128, 128, 3), [3, 1, 2], 1000)
  with pytest.raises(errors.DataError, match='several sizes'):
    tfds_images.TFDSImages('imagenet2012', 'train').load(str(folder))


def test_a_large_set_is_prepared_and_streamed(folder):
  source = tfds_images.TFDSImages('imagenet2012', 'train', 128, memory_limit=100_000)
  with pytest.raises(errors.DataError, match='tf-stugan data prepare'):
    source.load(str(folder))
  source.prepare(str(folder))
  streamed = source.load(str(folder))
  assert isinstance(streamed.images, np.memmap)
  in_memory = tfds_images.TFDSImages('imagenet2012', 'train[:3]', 128).load(str(folder))
  assert streamed.fingerprint == in_memory.fingerprint == source.load(str(folder)).fingerprint


def test_a_set_that_is_not_there_is_refused_with_what_to_do(tmp_path, folder):
  with pytest.raises(errors.DataError, match='tfds build cifar10'):
    tfds_images.TFDSImages('cifar10').load(str(tmp_path))
  with pytest.raises(errors.DataError, match='no_such_set'):
    tfds_images.TFDSImages('no_such_set').load(str(tmp_path))
  with pytest.raises(errors.DataError, match='by hand.*ILSVRC2012_img_train.tar.*tfds build imagenet2012'):
    tfds_images.TFDSImages('imagenet2012').load(str(tmp_path))
  with pytest.raises(errors.DataError, match='tset'):
    tfds_images.TFDSImages('stl10', 'tset').load(str(folder))


def test_a_damaged_record_is_an_error_of_the_data(tmp_path):
  store(tmp_path, 'stl10', '1.0.0', noise((96, 96)), [1])
  (file,) = tmp_path.glob('stl10/1.0.0/*tfrecord*')
  content = bytearray(file.read_bytes())
  content[len(content) // 2] ^= 255
  file.write_bytes(content)
  with pytest.raises(errors.DataError, match='cannot be read'):
    tfds_images.TFDSImages('stl10').load(str(tmp_path))
