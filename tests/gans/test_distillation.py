"""Distillation from a teacher: the number, and who learns from it."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from tests import tiny
from tf_stugan.data.images import Examples
from tf_stugan.gans import losses
from tf_stugan.gans import noise_to_image
from tf_stugan.gans.distillation import bernoulli_divergence
from tf_stugan.gans.distillation import Distillation
from tf_stugan.gans.terms import Situation
from tf_stugan.layers import heads
from tf_stugan.layers.prunable import kernel_layers
from tf_stugan.layers.spectral_norm import SpectralNorm
from tf_stugan.layers.style import LayerStyle
from tf_stugan.metrics import cost
from tf_stugan.models import resnet


def published(teacher, student):
  """Computes it as the authors' code does: the mean over both classes of every image of t (log t - log(s + 1e-10))."""
  t, s = (1 / (1 + np.exp(-np.array(x, np.float64))) for x in (teacher, student))
  t, s = np.stack([t, 1 - t], 1), np.stack([s, 1 - s], 1)
  return np.mean(t * (np.log(t) - np.log(s + 1e-10)))


class Brightness(tf.Module):
  """A discriminator that is not trained, and knows whether it was asked in training mode."""

  def __call__(self, images, labels, training):
    assert not training
    return tf.reduce_mean(images, axis=[1, 2, 3])[:, None] + tf.cast(labels[:, None], tf.float32)


def test_it_is_half_the_mean_divergence_over_real_and_generated_images():
  draw = np.random.default_rng(0)
  images, logits = draw.normal(0, 2, [2, 3, 4, 4, 3]).astype(np.float32), draw.normal(0, 2, [2, 3, 1]).astype(np.float32)
  labels = tf.constant([0, 1, 2])
  situation = Situation(None, Examples(images[1], labels), logits[1], Examples(images[0], labels), logits[0])
  taught = [images[i].mean((1, 2, 3)) + [0, 1, 2] for i in (0, 1)]
  expected = published(np.concatenate(taught), logits.ravel())
  assert expected > 0.05
  np.testing.assert_allclose(Distillation(Brightness(), 3.0)(situation), 3 * expected, rtol=1e-5)


def test_large_logits_stay_finite_and_equal_ones_cost_nothing():
  logits = tf.constant([-200.0, -3.0, 0.0, 5.0, 200.0])
  np.testing.assert_array_equal(bernoulli_divergence(logits, logits), np.zeros(5))
  np.testing.assert_allclose(bernoulli_divergence(tf.constant([200.0]), tf.constant([-200.0])), [200.0])


def test_a_teacher_with_attention_judges_games_of_16_bits():
  """Layers that are made when it is built belong to it, and compute as it does."""
  make = functools.partial(resnet.Discriminator, 8, [1, 1], LayerStyle(kernel_normalizer=SpectralNorm), heads.Unconditional,
                           attention_after=1)
  gan = noise_to_image.NoiseToImage(functools.partial(tiny.generator, 8), make, losses.hinge(), 4, 4, 1,
                                    precision='bfloat16')
  gan.distil(1.0)
  gan.build({'data': tiny.IMAGES.image_shape})
  assert {layer.compute_dtype for layer in kernel_layers(gan.teachers['discriminator']).values()} == {'float32'}
  assert 'bfloat16' in {layer.compute_dtype for layer in kernel_layers(gan.discriminator).values()}


def test_a_teacher_costs_what_a_dense_network_does_and_the_dense_run_has_none():
  gan = noise_to_image.NoiseToImage(functools.partial(tiny.generator, 8), tiny.discriminator, losses.hinge(), 4, 4, 5)
  measured, work = cost.Measured(), gan.work
  gan.distil(1.0)
  gan.build({'data': tiny.IMAGES.image_shape})
  dense = {player.name: cost.network_cost(player.network) for player in gan.players}
  thin = dense['discriminator'].with_densities({layer.name: 0.1 for layer in dense['discriminator'].layers})
  sparse = {**dense, 'discriminator': thin}
  without = sum(images * passes * measured.image(sparse[player]) for player, images, passes, _ in work)
  # A forward of 5 batches of 4 real and 4 generated images.
  assert measured.step(sparse, gan) == without + 40 * measured.image(dense['discriminator'])
  assert measured.dense_step(dense, gan) == sum(images * passes * measured.image(dense[player])
                                                for player, images, passes, _ in work)


@pytest.mark.slow
def test_the_teacher_is_part_of_the_state_and_does_not_move():
  trainer = tiny.make_trainer(methods={}, width=2, built=False)
  trainer.gan.distil(1.0)
  trainer.build({'data': tiny.IMAGES.image_shape})
  alone = tiny.make_trainer(methods={}, width=2)
  for name, variable in alone.parts()['weights'].items():  # a teacher takes no random numbers from the others
    np.testing.assert_array_equal(variable, trainer.parts()['weights'][name], err_msg=name)
  teacher = {name: v.numpy() for name, v in trainer.parts()['game'].items()}
  assert len(teacher) == len(trainer.gan.discriminator.variables)
  trainer.fit(tiny.DATA, 1)
  for name, value in teacher.items():
    np.testing.assert_array_equal(trainer.parts()['game'][name], value, err_msg=name)
  assert trainer.scalars()['discriminator/distillation'] > 0
