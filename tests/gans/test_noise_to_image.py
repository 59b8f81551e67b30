import functools

import numpy as np
import pytest
import tensorflow as tf

from tests import tiny
from tf_stugan import errors
from tf_stugan import rng
from tf_stugan.data.images import Examples
from tf_stugan.gans import losses
from tf_stugan.gans import noise_to_image
from tf_stugan.gans import outputs
from tf_stugan.layers import heads
from tf_stugan.layers import style
from tf_stugan.models import resnet


@pytest.fixture(scope='module')
def gan():
  result = noise_to_image.NoiseToImage(
      functools.partial(tiny.generator, 4), functools.partial(tiny.discriminator, 4), losses.hinge(), 4, 8, 3)
  result.build({'data': (8, 8, 3)})
  return result


def test_players_move_in_the_order_of_the_papers(gan):
  assert [(turn.name, turn.batch_size, turn.updates_per_step) for turn in gan.turns] == [
      ('discriminator', 4, 3), ('generator', 8, 1)]


def test_an_image_depends_on_its_seed_only(gan):
  together = gan.outputs['images'].sample(np.arange(7))
  np.testing.assert_allclose(gan.outputs['images'].sample(np.array([5])), together[5:6], atol=1e-6)
  assert np.abs(together[0] - together[1]).max() > 1e-3


def test_a_narrower_generator_has_a_narrower_average_and_is_compared_with_its_full_width():
  make_narrow = functools.partial(resnet.Generator, 4, [1, 1], style.LayerStyle(), 16)
  narrow = noise_to_image.NoiseToImage(make_narrow, functools.partial(tiny.discriminator, 4), losses.hinge(), 4, 8, 3,
                                       channels={'generator': {'block1/norm2': 1}})
  narrow.build({'data': (8, 8, 3)})
  for network in (narrow.generator, narrow.averaged_generator):
    assert network.blocks[0].conv1.kernel.shape[-1] == network.blocks[0].conv2.kernel.shape[-2] == 1
  assert narrow.generator.full_width().blocks[0].conv1.kernel.shape[-1] == 4
  assert len(narrow.generator.variables) == len(narrow.generator.full_width().variables)
  with pytest.raises(errors.UserError, match='NoiseToImage.channels names discriminator; it is for generator'):
    noise_to_image.NoiseToImage(make_narrow, tiny.discriminator, losses.hinge(), channels={'discriminator': {}})


def test_an_interpolation_begins_and_ends_at_its_seeds(gan):
  walk = gan.outputs['images'].interpolate(3, 4, 5)
  np.testing.assert_allclose(walk[[0, -1]], gan.outputs['images'].sample(np.array([3, 4])), atol=1e-5)


def test_an_interpolation_stays_within_the_truncation_and_its_parts_are_one_walk(gan, monkeypatch):
  seen = []
  make = gan.outputs['images'].make
  monkeypatch.setattr(gan.outputs['images'], 'make', lambda inputs: seen.append(inputs[0]) or make(inputs))
  whole = gan.outputs['images'].interpolate(3, 4, 9, truncation=0.5)
  monkeypatch.setattr(outputs, '_PART', 4)
  np.testing.assert_allclose(gan.outputs['images'].interpolate(3, 4, 9, truncation=0.5), whole, atol=1e-6)
  assert [len(latents) for latents in seen] == [9, 3, 3, 3]
  assert np.abs(seen[0]).max() <= np.float32(0.5)
  np.testing.assert_allclose(seen[0][[0, -1]], rng.latents(np.array([3, 4]), 16, 0.5), atol=1e-6)


def test_slerp_keeps_the_length():
  first, last = np.array([1., 0.]), np.array([0., 1.])
  np.testing.assert_allclose(
      outputs.slerp(first, last, np.array([0, 0.5, 1])), [[1, 0], [0.5**0.5, 0.5**0.5], [0, 1]], atol=1e-12)
  np.testing.assert_allclose(outputs.slerp(first, first, np.array([0.3])), [first])


def test_a_data_set_of_another_shape_is_refused(gan):
  with pytest.raises(errors.UserError, match='8, 8, 3.*8, 8, 1'):
    gan.build({'data': (8, 8, 1)})


@pytest.mark.parametrize('batch_norm, passes', [(False, 1), (True, 2)])
def test_real_and_fake_are_judged_together_unless_a_batch_statistic_forbids_it(batch_norm, passes):
  """Logits are those of two passes; the number of calls of the discriminator tells which way was taken."""
  def make(joint_pass):
    result = noise_to_image.NoiseToImage(
        functools.partial(tiny.generator, 4),
        functools.partial(resnet.Discriminator, 4, [1, 1], style.LayerStyle(), heads.Unconditional,
                          batch_norm=batch_norm),
        losses.hinge(), 4, joint_pass=joint_pass)
    result.build({'data': (8, 8, 3)})
    for i, v in enumerate(result.discriminator.trainable_variables):
      v.assign(tf.random.stateless_normal(v.shape, [i, 0]) / 4)
    return result

  real, fake, labels = tf.random.stateless_normal([4, 8, 8, 3], [1, 1]), tf.zeros([4, 8, 8, 3]), tf.zeros([4], tf.int32)
  joint, apart = make(True), make(False)
  calls = []
  judge = joint._judge  # pylint: disable=protected-access
  joint._judge = lambda *args: calls.append(1) or judge(*args)  # pylint: disable=protected-access
  real, fake = Examples(real, labels), Examples(fake, labels)
  results = [gan_._judge_both(real, fake) for gan_ in (joint, apart)]  # pylint: disable=protected-access
  for ours, theirs in zip(tf.nest.flatten(results[0]), tf.nest.flatten(results[1]), strict=True):
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
  assert len(calls) == passes
