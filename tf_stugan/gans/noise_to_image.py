"""A generator that maps noise to images, and a discriminator that tells them from real ones."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tf_stugan import errors
from tf_stugan import rng
from tf_stugan.compat import keras
from tf_stugan.gans.gan import BalanceProbe
from tf_stugan.gans.gan import GAN
from tf_stugan.gans.gan import Player
from tf_stugan.gans.gan import Work
from tf_stugan.gans.losses import AdversarialLoss


class NoiseToImage(GAN):
  """The unconditional GAN: z ~ N(0, I).

  Args:
    make_generator: makes the generator, once to train and once to hold its average.
    make_discriminator: makes the discriminator.
    loss: an `AdversarialLoss`.
    discriminator_batch_size: real images, and as many fake ones, of one discriminator update.
    generator_batch_size: fake images of one generator update.
    discriminator_updates: discriminator updates before each generator update (n_critic).
  """

  def __init__(self, make_generator: Callable[[], keras.Model], make_discriminator: Callable[[], keras.Model],
               loss: AdversarialLoss, discriminator_batch_size: int = 64, generator_batch_size: int = 128,
               discriminator_updates: int = 5, name: str | None = None):
    super().__init__(name=name)
    self.generator = make_generator()
    self.discriminator = make_discriminator()
    self.averaged_generator = make_generator()
    self.loss = loss
    self.discriminator_batch_size = discriminator_batch_size
    self.generator_batch_size = generator_batch_size
    self.discriminator_updates = discriminator_updates
    self.players = (
        Player('discriminator', self.discriminator, self._discriminator_objective, ('real_logits', 'fake_logits'),
               discriminator_batch_size, discriminator_updates, uses_data=True),
        Player('generator', self.generator, self._generator_objective, ('fake_logits',), generator_batch_size,
               averaged=self.averaged_generator),
    )
    self.balance = BalanceProbe('generator', 'fake_logits', 'discriminator', self._balance)
    self.work = (
        Work('generator', discriminator_updates * discriminator_batch_size, 1),
        Work('discriminator', discriminator_updates * 2 * discriminator_batch_size, 3),
        Work('generator', generator_batch_size, 3),
        Work('discriminator', generator_batch_size, 2),
    )
    self._generate = tf.function(self.generator)
    self._generate_averaged = tf.function(self.averaged_generator)

  def build(self, image_shape=None):
    latents = tf.zeros([2, self.generator.latent_size])
    images = self.generator(latents)
    if image_shape is not None and tuple(images.shape[1:]) != tuple(image_shape):
      raise errors.UserError(
          f'The generator makes images of {tuple(images.shape[1:])}, the data set has {tuple(image_shape)}; set '
          'IMAGE_CHANNELS and the resolution so that both agree.')
    self.averaged_generator(latents)
    self.discriminator(images)
    return tuple(images.shape[1:])

  def sample(self, seeds, averaged=True):
    return self._images(rng.latents(np.asarray(seeds), self.generator.latent_size), averaged)

  def interpolate(self, first, last, count):
    ends = rng.latents(np.array([first, last]), self.generator.latent_size).astype(np.float64)
    return self._images(slerp(ends[0], ends[1], np.linspace(0, 1, count)).astype(np.float32), averaged=True)

  def _images(self, latents, averaged):
    generate = self._generate_averaged if averaged else self._generate
    return generate(latents, training=False).numpy()

  def _latents(self, seed, batch_size):
    return rng.replica_normal(seed, [batch_size, self.generator.latent_size])

  def _discriminator_objective(self, batch, seed):
    real = batch['images']
    fake = tf.stop_gradient(self.generator(self._latents(seed, self.discriminator_batch_size), training=True))
    real_logits = self.discriminator(real, training=True)
    fake_logits = self.discriminator(fake, training=True)
    loss = self.loss.discriminator(real_logits, fake_logits)
    return loss, {'real_logits': tf.reduce_mean(real_logits), 'fake_logits': tf.reduce_mean(fake_logits)}

  def _generator_objective(self, batch, seed):
    del batch
    fake = self.generator(self._latents(seed, self.generator_batch_size), training=True)
    fake_logits = self.discriminator(fake, training=True)
    return self.loss.generator(fake_logits), {'fake_logits': tf.reduce_mean(fake_logits)}

  def _balance(self, batch, seed):
    fake = self.generator(self._latents(seed, self.generator_batch_size), training=True)
    return (tf.reduce_mean(self.discriminator(fake, training=True)),
            tf.reduce_mean(self.discriminator(batch['images'], training=True)))


def slerp(first: np.ndarray, last: np.ndarray, fractions: np.ndarray) -> np.ndarray:
  """Spherical interpolation: latents on the way keep the length that normal ones have.

  Args:
    first, last: [F].
    fractions: [N] in [0, 1].

  Returns:
    [N, F]; fraction 0 gives `first`, 1 gives `last`.
  """
  cosine = first @ last / (np.linalg.norm(first) * np.linalg.norm(last))
  angle = np.arccos(np.clip(cosine, -1, 1))
  if angle < 1e-6:
    return first + fractions[:, None] * (last - first)
  return (np.sin((1 - fractions) * angle)[:, None] * first + np.sin(fractions * angle)[:, None] * last) / np.sin(angle)
