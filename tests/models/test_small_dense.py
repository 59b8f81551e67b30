import functools

import pytest

from tests import tiny
from tests.tiny import some_slow
from tf_stugan import configuration
from tf_stugan import errors
from tf_stugan.models import small_dense

FILES = ('runs/train.gin', 'models/{}.gin', 'datasets/cifar10.gin', 'metrics/classifier.gin', 'methods/small_dense.gin')


def narrowed(density, **kwargs):
  return small_dense.narrowed(functools.partial(tiny.generator, blocks=3, latent_size=128, **kwargs), density, [128])


def weights(width):
  """9 w w + 9 w w + w w in each of three blocks, 27 w in the last layer."""
  return 57 * width**2 + 27 * width


@pytest.mark.parametrize('density', [0.05, 0.1, 0.5, 1.0])
def test_the_widest_network_within_the_budget(density):
  width = narrowed(density, width=32).width
  assert weights(width) <= density * weights(32) < weights(width + 1) or density == width / 32 == 1


def test_the_full_width_is_at_hand_and_not_part_of_the_network():
  network = narrowed(0.1, width=32)
  assert small_dense.convolution_weights(network.full_width()) == weights(32)
  assert not network.variables
  assert not hasattr(narrowed(1.0, width=32), 'full_width')  # nothing was narrowed


@pytest.mark.parametrize('model', some_slow(['sngan', 'biggan_32', 'autogan_a', 'dcgan'], quick=['sngan', 'dcgan']))
def test_every_kind_of_model_can_be_narrowed(model):
  bindings = ['NUM_STEPS = 1', 'GENERATOR_WIDTH = 16', 'DISCRIMINATOR_WIDTH = 16', 'DISCRIMINATOR_DENSITY = 0.5']
  configuration.load([configuration.find(f.format(model)) for f in FILES], bindings)
  gan = configuration.make_experiment().make_trainer().gan
  assert 4 <= gan.generator.width <= 5
  assert 10 <= gan.discriminator.width <= 12


def test_translators_are_narrowed_and_keep_their_names():
  files = ('cyclegan_cifar10_small_dense.gin', 'methods/small_dense_cycle_gan.gin', 'runs/tiny_cycle_gan.gin')
  configuration.load([configuration.find(f) for f in files], ['GENERATOR_WIDTH = 16', 'GENERATOR_DENSITY = 0.25'])
  trainer = configuration.make_experiment().make_trainer()
  trainer.build(dict.fromkeys(trainer.gan.domains, (24, 24, 3)))
  assert trainer.label == 'small dense' and not any(side.masked for side in trainer.sides.values())
  for name in ('a_to_b', 'b_to_a'):
    network = trainer.gan.outputs[name].live
    counted, full = map(small_dense.convolution_weights, (network, network.full_width()))
    assert network.name == name and 0.2 * full < counted <= 0.25 * full
  assert trainer.gan.discriminator_a.width == 4  # the full width


def test_budgets_that_nothing_fits_are_refused():
  with pytest.raises(errors.UserError, match='No network of this kind is as small'):
    narrowed(1e-4, width=8)
  with pytest.raises(errors.UserError, match='share of weights kept'):
    narrowed(0.0, width=8)
