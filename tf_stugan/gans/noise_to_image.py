"""A generator that maps noise to images, and a discriminator that tells them from real ones."""

from collections.abc import Callable
import contextlib

import numpy as np
import tensorflow as tf

from tf_stugan import compat
from tf_stugan import errors
from tf_stugan import rng
from tf_stugan.compat import keras
from tf_stugan.gans.diff_augment import DiffAugment
from tf_stugan.gans.gan import BalanceProbe
from tf_stugan.gans.gan import GAN
from tf_stugan.gans.gan import Player
from tf_stugan.gans.gan import Work
from tf_stugan.gans.losses import AdversarialLoss
from tf_stugan.gans.penalties import GradientPenalty
from tf_stugan.layers import normalization

_PART = 64  # images of a walk at a time: it may be as long as it likes


class NoiseToImage(GAN):
  """z ~ N(0, I) and, where the generator has classes, y uniform over them -> images.

  Args:
    make_generator: makes the generator, once to train and once to hold its average.
    make_discriminator: makes the discriminator. Class logits, if it has any, are trained on real and fake images alike,
      and the generator to be recognized (ACGAN, Odena et al., 2017, with weight 1).
    loss: an `AdversarialLoss`.
    discriminator_batch_size: real images, and as many fake ones, of one discriminator update.
    generator_batch_size: fake images of one generator update.
    discriminator_updates: discriminator updates before each generator update (n_critic).
    augment: changes every image that the discriminator sees, or None.
    penalty: is added to the discriminator's loss, or None.
    joint_pass: real and fake images go through the discriminator together, where it has no BatchNorm; see
      docs/decisions.md.
    precision: what both networks compute in while they train: 'float32', 'bfloat16' or 'float16' (with a loss scale).
      Weights, masks, averages, singular vectors, statistics and losses stay float32, and so does the averaged generator.
    accumulation_steps: parts that every batch is cut into to save memory, each with latents of its own; gradients are their
      mean. As in BigGAN's code BatchNorm sees the parts, one by one, and each makes a power iteration.
    discriminator_clip: bound of the discriminator's variables after each of its updates, or None.
  """

  def __init__(self, make_generator: Callable[[], keras.Model], make_discriminator: Callable[[], keras.Model],
               loss: AdversarialLoss, discriminator_batch_size: int = 64, generator_batch_size: int = 128,
               discriminator_updates: int = 5, augment: DiffAugment | None = None, penalty: GradientPenalty | None = None,
               joint_pass: bool = True, precision: str = 'float32', accumulation_steps: int = 1,
               discriminator_clip: float | None = None, name: str | None = None):
    super().__init__(name=name)
    # With larger ones TensorFlow's counters overflow, and the process crashes.
    errors.check_counts(self, 1, 2**20, discriminator_batch_size=discriminator_batch_size,
                        generator_batch_size=generator_batch_size)
    errors.check_counts(self, discriminator_updates=discriminator_updates, accumulation_steps=accumulation_steps)
    self.joint_pass = joint_pass
    self.precision = precision
    self.accumulation_steps = accumulation_steps
    with compat.precision(precision):
      self.generator = make_generator()
      self.discriminator = make_discriminator()
    self.averaged_generator = make_generator()
    self.num_classes = self.generator.num_classes
    self.loss = loss
    self.discriminator_batch_size = discriminator_batch_size
    self.generator_batch_size = generator_batch_size
    self.discriminator_updates = discriminator_updates
    self.augment = augment
    self.penalty = penalty
    scalars = ('real_logits', 'fake_logits', *(['penalty'] if penalty else []))
    self.players = (
        Player('discriminator', self.discriminator, self._discriminator_objective, scalars, discriminator_batch_size,
               discriminator_updates, uses_data=True, accumulation_steps=accumulation_steps, clip=discriminator_clip),
        Player('generator', self.generator, self._generator_objective, ('fake_logits',), generator_batch_size,
               averaged=self.averaged_generator, accumulation_steps=accumulation_steps),
    )
    self.balance = BalanceProbe('generator', 'fake_logits', 'discriminator', self._balance)
    self.work = (
        Work('generator', discriminator_updates * discriminator_batch_size, 1),
        Work('discriminator', discriminator_updates * 2 * discriminator_batch_size, 3),
        Work('generator', generator_batch_size, 3),
        Work('discriminator', generator_batch_size, 2),
    )
    if penalty:  # forward, gradient to the image, and the way back through both
      self.work += (Work('discriminator', discriminator_updates * discriminator_batch_size, 4),)
    self._images = tf.function(self._make_images, autograph=False)

  def build(self, image_shape=None):
    latents, labels = tf.zeros([2, self.generator.latent_size]), tf.zeros([2], tf.int32)
    with compat.precision(self.precision):  # layers make others when they are built
      images = self.generator(latents, labels)
      classified = self.discriminator(images, labels).shape[1] - 1
    if image_shape is not None and tuple(images.shape[1:]) != tuple(image_shape):
      raise errors.UserError(
          f'The generator makes images of {tuple(images.shape[1:])}, the data set has {tuple(image_shape)}; set '
          'IMAGE_CHANNELS and the resolution so that both agree.')
    self.averaged_generator(latents, labels)
    if classified not in (0, self.num_classes):
      raise errors.UserError(
          f'The discriminator tells {classified} classes apart, the generator makes {self.num_classes}; both have to agree.')
    return tuple(images.shape[1:])

  # Images for people and metrics.

  def sample(self, seeds, labels=None, averaged=True, batch_statistics=False, truncation=None):
    latents = rng.latents(np.asarray(seeds), self.generator.latent_size, truncation)
    labels = rng.labels(seeds, self.num_classes) if labels is None else np.asarray(labels, np.int32)
    return self._images(latents, labels, averaged, batch_statistics).numpy()

  def interpolate(self, first, last, count, label=None, truncation=None):
    ends = rng.latents(np.array([first, last]), self.generator.latent_size, truncation).astype(np.float64)
    latents = slerp(ends[0], ends[1], np.linspace(0, 1, count)).astype(np.float32)
    if truncation is not None:  # halfway, components of an arc may be sqrt(2) times those of its ends
      latents = np.clip(latents, -truncation, truncation)
    label = rng.labels([first], self.num_classes)[0] if label is None else label
    parts = np.array_split(latents, -(-count // _PART))
    return np.concatenate(
        [self._images(part, np.full([len(part)], label, np.int32), True, False).numpy() for part in parts])

  def set_standing_statistics(self, batches: int, batch_size: int, truncation: float | None = None) -> None:
    """Gives the averaged generator BatchNorm statistics of its own: means over batches of its images (BigGAN).

    Args:
      batches: how many; seeds are 0 .. batches * batch_size - 1.
      batch_size: images of each.
      truncation: of the images that will be made with these statistics.
    """
    def run(batch):
      seeds = np.arange(batch * batch_size, (batch + 1) * batch_size)
      latents = rng.latents(seeds, self.generator.latent_size, truncation)
      self.averaged_generator(latents, rng.labels(seeds, self.num_classes), training=False)
    normalization.set_standing_statistics(run, batches)

  def _make_images(self, latents, labels, averaged, batch_statistics):
    """In the graph; the two bools are Python's."""
    network = self.averaged_generator if averaged else self.generator
    with normalization.batch_statistics() if batch_statistics else contextlib.nullcontext():
      return network(latents, labels, training=False)

  # What the players want.

  def _fake(self, seed, batch_size):
    """This replica's fake images of (a part of) a global batch, and their labels."""
    batch_size //= self.accumulation_steps
    latents = rng.replica_normal(seed, [batch_size, self.generator.latent_size])
    labels = rng.replica_labels(rng.fold(seed, 1), batch_size, self.num_classes)
    return self.generator(latents, labels, training=True), labels

  def _judge(self, images, labels):
    """Real logits [N, 1], and class logits [N, K] (K = 0 but for an auxiliary classifier)."""
    outputs = tf.cast(self.discriminator(images, labels, training=True), tf.float32)
    return outputs[:, :1], outputs[:, 1:]

  def _judge_both(self, real, real_labels, fake, fake_labels):
    """`_judge` of both, in one forward pass where no batch statistic forbids it."""
    if not self.joint_pass or any(isinstance(x, normalization.BatchNorm) for x in self.discriminator.submodules):
      return self._judge(real, real_labels), self._judge(fake, fake_labels)
    count = tf.shape(real)[0]
    outputs = self._judge(tf.concat([real, fake], axis=0), tf.concat([real_labels, fake_labels], axis=0))
    return [x[:count] for x in outputs], [x[count:] for x in outputs]

  def _augmented(self, images, seed):
    return self.augment(images, seed) if self.augment else images

  def _discriminator_objective(self, batch, seed):
    fake, fake_labels = self._fake(seed, self.discriminator_batch_size)
    alike = self.augment and self.augment.alike
    real = self._augmented(batch['images'], rng.fold(seed, 2))
    fake = self._augmented(tf.stop_gradient(fake), rng.fold(seed, 2 if alike else 3))
    (real_logits, real_classes), (fake_logits, fake_classes) = self._judge_both(real, batch['labels'], fake, fake_labels)
    loss = self.loss.discriminator(real_logits, fake_logits)
    loss += class_loss(batch['labels'], real_classes) + class_loss(fake_labels, fake_classes)
    scalars = {'real_logits': tf.reduce_mean(real_logits), 'fake_logits': tf.reduce_mean(fake_logits)}
    if self.penalty:
      scalars['penalty'] = self.penalty(lambda x: self._judge(x, batch['labels'])[0], real, fake, rng.fold(seed, 4))
      loss += scalars['penalty']
    return loss, scalars

  def _generator_objective(self, batch, seed):
    del batch
    fake, labels = self._fake(seed, self.generator_batch_size)
    logits, classes = self._judge(self._augmented(fake, rng.fold(seed, 2)), labels)
    return self.loss.generator(logits) + class_loss(labels, classes), {'fake_logits': tf.reduce_mean(logits)}

  def _balance(self, batch, seed):
    fake, labels = self._fake(seed, self.generator_batch_size)
    return (self._mean_logit(fake, labels, seed), self._mean_logit(batch['images'], batch['labels'], seed))

  def _mean_logit(self, images, labels, seed):
    return tf.reduce_mean(self._judge(self._augmented(images, rng.fold(seed, 2)), labels)[0])


def class_loss(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
  """Mean cross entropy of labels int32 [N] and class logits [N, K]; 0 where K is 0."""
  if not logits.shape[1]:
    return tf.zeros([])
  return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))


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
