import functools

import numpy as np
import pytest

from tf_stugan import errors
from tf_stugan.gans import losses
from tf_stugan.gans import noise_to_image
from tf_stugan.models import sngan


@pytest.fixture(scope='module')
def gan():
  result = noise_to_image.NoiseToImage(
      functools.partial(sngan.Generator, 4), functools.partial(sngan.Discriminator, 4), losses.hinge(), 4, 8, 3)
  result.build((32, 32, 3))
  return result


def test_players_move_in_the_order_of_the_papers(gan):
  assert [(p.name, p.batch_size, p.updates_per_step) for p in gan.players] == [
      ('discriminator', 4, 3), ('generator', 8, 1)]


def test_an_image_depends_on_its_seed_only(gan):
  together = gan.sample(np.arange(7))
  np.testing.assert_allclose(gan.sample(np.array([5])), together[5:6], atol=1e-6)
  assert np.abs(together[0] - together[1]).max() > 1e-3


def test_an_interpolation_begins_and_ends_at_its_seeds(gan):
  walk = gan.interpolate(3, 4, 5)
  np.testing.assert_allclose(walk[[0, -1]], gan.sample(np.array([3, 4])), atol=1e-5)


def test_slerp_keeps_the_length():
  first, last = np.array([1., 0.]), np.array([0., 1.])
  np.testing.assert_allclose(
      noise_to_image.slerp(first, last, np.array([0, 0.5, 1])), [[1, 0], [0.5**0.5, 0.5**0.5], [0, 1]], atol=1e-12)
  np.testing.assert_allclose(noise_to_image.slerp(first, first, np.array([0.3])), [first])


def test_a_data_set_of_another_shape_is_refused(gan):
  with pytest.raises(errors.UserError, match='32, 32, 3.*32, 32, 1'):
    gan.build((32, 32, 1))
