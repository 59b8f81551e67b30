"""Distillation from a teacher: the number, and who learns from it."""

import numpy as np
import pytest
import tensorflow as tf

from tests import tiny
from tf_stugan.data.images import Examples
from tf_stugan.gans.distillation import bernoulli_divergence
from tf_stugan.gans.distillation import Distillation
from tf_stugan.gans.terms import Situation


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
