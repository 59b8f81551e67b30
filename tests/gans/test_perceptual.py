import numpy as np
import pytest
import tensorflow as tf

from tf_stugan import errors
from tf_stugan.compat import keras
from tf_stugan.data import random_images
from tf_stugan.gans import distances
from tf_stugan.gans import perceptual
from tf_stugan.metrics import features
from tf_stugan.metrics import vgg16

IMAGES = random_images.RandomImages(num_images=4, resolution=16, num_classes=2).load()


def two_batches(size=16, channels=3):
  draw = np.random.default_rng(0)
  return [draw.uniform(-1, 1, [2, size, size, channels]).astype(np.float32) for _ in range(2)]


class Doubled:
  """Maps are the images, and twice their first channel."""

  def prepare(self, data, cache_dir):
    pass

  def maps(self, images):
    return [images, 2 * images[..., :1]]


def test_content_and_style_are_what_the_paper_says():
  a, b = two_batches()
  first, second = (np.einsum('nhwc,nhwd->ncd', x, x) / (3 * 256) for x in (a, b))
  third, fourth = (np.einsum('nhwc->n', 4 * x[..., :1]**2) / 256 for x in (a, b))
  style = np.mean((first - second)**2) + np.mean((third - fourth)**2)
  expected = 2 * np.mean(abs(a - b)) + 3 * style
  assert float(perceptual.Perceptual(Doubled(), 2.0, 3.0)(a, b)) == pytest.approx(expected, rel=1e-5)


def test_pixels_are_mean_absolute_differences():
  a, b = two_batches()
  assert float(distances.pixels(a, b)) == pytest.approx(np.mean(abs(a - b)))


def test_the_classifier_serves_and_hands_gradients_to_the_images(tmp_path):
  distance = perceptual.Perceptual(features.Classifier(width=2, steps=2))
  distance.prepare({'data': IMAGES}, None, tmp_path)
  a, b = map(tf.constant, two_batches(24))  # of another size than the data
  assert [m.shape[1:] for m in distance.extractor.maps(a)] == [(24, 24, 2), (12, 12, 4), (6, 6, 8), (3, 3, 8)]
  with tf.GradientTape() as tape:
    tape.watch((a, b))
    value = distance(a, b)
  of_target, of_image = tape.gradient(value, (a, b))
  assert float(distance(a, a)) == 0 < float(value)
  assert of_target is None and np.abs(of_image).max() > 0


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
  """Returns (folder, Keras's own VGG-16) with random weights, saved there as .h5 and .npz."""
  keras.utils.set_random_seed(1)
  network = keras.applications.VGG16(include_top=False, weights=None)
  folder = tmp_path_factory.mktemp('vgg')
  network.save_weights(folder / 'vgg.h5')
  np.savez(folder / 'vgg.npz', **{f'{layer.name}/{kind}': v.numpy() for layer in network.layers
                                  for kind, v in zip(('kernel', 'bias'), layer.variables, strict=False)})
  return folder, network


@pytest.mark.parametrize('file', ['vgg.h5', 'vgg.npz'])
def test_maps_are_those_of_keras(file, weights, tmp_path):
  folder, network = weights
  extractor = vgg16.Vgg16(str(folder / file), resolution=32)
  extractor.prepare(IMAGES, tmp_path)
  images, _ = two_batches()
  names = ('block1_conv2', 'block2_conv2', 'block3_conv3', 'block4_conv3')
  wanted = keras.Model(network.inputs, [network.get_layer(name).output for name in names])
  enlarged = np.repeat(np.repeat(images, 2, 1), 2, 2)
  seen = keras.applications.vgg16.preprocess_input(127.5 * (enlarged + 1))
  for ours, theirs in zip(extractor.maps(images), wanted(seen), strict=True):
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)
  unit = vgg16.Vgg16(str(folder / file), 'unit', 16)
  unit.prepare(IMAGES, tmp_path)
  np.testing.assert_allclose(unit.maps(images)[0], wanted((images + 1) / 2)[0], rtol=1e-4, atol=1e-5)
  assert [m.shape[-1] for m in unit.maps(two_batches(16, 1)[0])] == [64, 128, 256, 512]


def test_weights_that_cannot_be_had_are_one_line(tmp_path, monkeypatch, weights):
  def refused(location, reason):
    with pytest.raises(errors.UserError, match=reason) as error:
      vgg16.Vgg16(location).prepare(IMAGES, tmp_path)
    assert '\n' not in str(error.value) and 'classifier_distance.gin' in str(error.value)
  refused('/nowhere/vgg.h5', 'it is not there')
  (tmp_path / 'bad.h5').write_bytes(b'bad')
  refused(str(tmp_path / 'bad.h5'), 'could not be read')
  np.savez(tmp_path / 'other.npz', **{'block1_conv1/kernel': np.zeros([3, 3, 1, 64]), 'block1_conv1/bias': np.zeros(64)})
  refused(str(tmp_path / 'other.npz'), 'holds no VGG-16: block1_conv1')

  def offline(*args, **kwargs):
    raise OSError('no route to host')
  monkeypatch.setattr(keras.utils, 'get_file', offline)
  refused('', 'could not be downloaded .no route to host')
