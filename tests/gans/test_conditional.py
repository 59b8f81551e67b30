"""A generator and a discriminator that know classes."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from tests import tiny
from tf_stugan import errors
from tf_stugan import rng
from tf_stugan.data import random_images
from tf_stugan.data.images import Examples
from tf_stugan.gans import losses
from tf_stugan.gans import noise_to_image
from tf_stugan.layers import heads
from tf_stugan.layers.spectral_norm import SpectralNorm
from tf_stugan.layers.style import LayerStyle
from tf_stugan.models import resnet
from tf_stugan.procedures import procedure
from tf_stugan.training import optimizers

STYLE = LayerStyle(kernel_normalizer=SpectralNorm)


def make(head=heads.Projection, shared=0, **kwargs):
  """4 blocks' worth of channels, 5 classes."""
  return noise_to_image.NoiseToImage(
      functools.partial(resnet.Generator, 4, [1, 1, 1, 1], STYLE, 16, num_classes=5, shared_embedding=shared),
      functools.partial(resnet.Discriminator, 4, [1, 1, 1, 1], STYLE, functools.partial(head, num_classes=5)),
      losses.hinge(), 4, 8, 1, **kwargs)


@pytest.fixture(scope='module', params=[0, 6])
def gan(request):
  result = make(shared=request.param)
  result.build({'data': (32, 32, 3)})
  for v in result.averaged_generator.trainable_variables:  # classes differ visibly
    v.assign_add(0.3 * tf.random.stateless_normal(v.shape, [1, 2]))
  return result


def test_the_class_changes_the_image_and_a_seed_has_one_of_its_own(gan):
  seeds = np.arange(4)
  own = gan.outputs['images'].sample(seeds)
  np.testing.assert_allclose(gan.outputs['images'].sample(seeds, labels=rng.labels(seeds, 5)), own, atol=1e-6)
  others = gan.outputs['images'].sample(seeds, labels=(rng.labels(seeds, 5) + 1) % 5)
  assert (np.abs(own - others).max(axis=(1, 2, 3)) > 1e-3).all()


def test_a_walk_stays_in_one_class(gan):
  walk = gan.outputs['images'].interpolate(3, 4, 5, label=2)
  np.testing.assert_allclose(walk[[0, -1]], gan.outputs['images'].sample(np.array([3, 4]), labels=[2, 2]), atol=1e-5)


def test_batch_statistics_make_other_images_and_leave_the_network_alone(gan):
  before = [v.numpy() for v in gan.averaged_generator.variables]
  running, batch = (gan.outputs['images'].sample(np.arange(6), batch_statistics=b) for b in (False, True))
  assert np.abs(running - batch).max() > 1e-2
  assert np.abs(batch[:3] - gan.outputs['images'].sample(np.arange(3), batch_statistics=True)).max() > 1e-3  # another batch
  for old, new in zip(before, gan.averaged_generator.variables, strict=True):
    np.testing.assert_array_equal(old, new)


def test_truncated_latents_keep_within_their_bound_and_what_was_inside():
  free, bounded = rng.latents(np.arange(8), 32), rng.latents(np.arange(8), 32, truncation=0.5)
  assert np.abs(free).max() > 1.5 and np.abs(bounded).max() <= 0.5
  inside = np.abs(free) <= 0.5
  np.testing.assert_array_equal(free[inside], bounded[inside])


def test_labels_of_seeds_are_uniform():
  shares = np.bincount(rng.labels(np.arange(2000), 5), minlength=5) / 2000
  np.testing.assert_allclose(shares, 0.2, atol=0.04)


def test_an_auxiliary_classifier_trains_both_players_on_classes():
  gan = make(heads.AuxiliaryClassifier)
  gan.build()
  batch = {'data': Examples(tf.zeros([4, 32, 32, 3]), tf.constant([0, 1, 2, 3]))}
  seed = tf.constant([1, 2])
  classes = gan.discriminator.logits.classes
  for turn in gan.turns:
    with tf.GradientTape() as tape:
      loss = turn.objective(batch, seed, {}).loss
    assert np.isfinite(loss)
    assert float(tf.norm(tape.gradient(loss, classes.kernel))) > 1e-3, turn.name


def test_a_classifier_of_classes_that_nobody_makes_is_refused():
  gan = make(heads.AuxiliaryClassifier)
  gan.num_classes = 0
  with pytest.raises(errors.UserError, match='tells 5 classes apart, the generator makes 0'):
    gan.build()


def test_cross_entropy_of_classes():
  logits = tf.constant([[2., 0., 0.], [0., 0., 1.]])
  expected = -np.log([np.exp(2) / (np.exp(2) + 2), 1 / (2 + np.e)]).mean()
  assert float(noise_to_image.class_loss(tf.constant([0, 1]), logits)) == pytest.approx(expected, rel=1e-5)
  assert float(noise_to_image.class_loss(tf.constant([0, 1]), tf.zeros([2, 0]))) == 0


def test_a_data_set_with_other_classes_is_refused_before_anything_is_built(tmp_path):
  trainer = tiny.trainer.Trainer(
      make(), dict.fromkeys(('generator', 'discriminator'), optimizers.Adam), {}, tiny.sparse_ema.SparseEMA)
  experiment = procedure.Experiment({'data': random_images.RandomImages(num_images=8)}, None, None, None)
  with pytest.raises(errors.DataError, match='10 classes, the networks know 5; set NUM_CLASSES'):
    experiment.prepare(trainer, None, None, tmp_path)


@pytest.mark.parametrize('alike', [True, False])
def test_real_and_fake_images_share_their_augmentation_where_asked(alike):
  class Recorder:
    """An augmentation that notes its seeds."""

    def __init__(self):
      self.alike = alike
      self.seeds = []

    def __call__(self, images, seed):
      self.seeds.append(tuple(seed.numpy()))
      return images

  recorder = Recorder()
  gan = make(augment=recorder)
  gan.build()
  gan.turns[0].objective({'data': Examples(tf.zeros([4, 32, 32, 3]), tf.zeros([4], tf.int32))}, tf.constant([1, 2]), {})
  assert len(recorder.seeds) == 2 and (recorder.seeds[0] == recorder.seeds[1]) == alike
