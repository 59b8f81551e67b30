"""Closed forms."""

import numpy as np
import pytest
import tensorflow as tf

from tf_stugan.gans import losses

REAL, FAKE = np.array([[2.0], [-0.5]]), np.array([[0.5], [-3.0]])


def softplus(x):
  return np.log1p(np.exp(x))


EXPECTED = {
    'hinge': (np.maximum(1 - REAL, 0).mean() + np.maximum(1 + FAKE, 0).mean(), -FAKE.mean()),
    'wasserstein': (FAKE.mean() - REAL.mean(), -FAKE.mean()),
    'least_squares': ((((REAL - 1)**2).mean() + (FAKE**2).mean()) / 2, ((FAKE - 1)**2).mean() / 2),
    'non_saturating': (softplus(-REAL).mean() + softplus(FAKE).mean(), softplus(-FAKE).mean()),
}


@pytest.mark.parametrize('name', EXPECTED)
def test_values(name):
  loss = getattr(losses, name)()
  discriminator, generator = EXPECTED[name]
  real, fake = tf.constant(REAL, tf.float32), tf.constant(FAKE, tf.float32)
  assert float(loss.discriminator(real, fake)) == pytest.approx(discriminator, rel=1e-5)
  assert float(loss.generator(fake)) == pytest.approx(generator, rel=1e-5)


def test_the_shift_of_the_lottery_tickets():
  loss = losses.non_saturating(fake_shift=1.0)
  real, fake = tf.constant(REAL, tf.float32), tf.constant(FAKE, tf.float32)
  expected = -(np.log(1 / (1 + np.exp(-REAL))) + np.log(1 / (1 + np.exp(-(1 - FAKE))))).mean()  # as their code has it
  assert float(loss.discriminator(real, fake)) == pytest.approx(expected, rel=1e-5)
  assert float(loss.generator(fake)) == float(losses.non_saturating().generator(fake))
