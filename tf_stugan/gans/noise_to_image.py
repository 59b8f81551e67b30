"""A generator that maps noise to images, and a discriminator that tells them from real ones."""

from collections.abc import Callable, Mapping, Sequence
import functools

import tensorflow as tf

from tf_stugan import compat
from tf_stugan import errors
from tf_stugan import rng
from tf_stugan.compat import keras
from tf_stugan.data.images import Examples
from tf_stugan.gans.diff_augment import DiffAugment
from tf_stugan.gans.distillation import Distillation
from tf_stugan.gans.distillation import Imitation
from tf_stugan.gans.gan import AfterUpdate
from tf_stugan.gans.gan import BalanceProbe
from tf_stugan.gans.gan import check_players
from tf_stugan.gans.gan import check_roles
from tf_stugan.gans.gan import GAN
from tf_stugan.gans.gan import Outcome
from tf_stugan.gans.gan import Player
from tf_stugan.gans.gan import Turn
from tf_stugan.gans.gan import Work
from tf_stugan.gans.losses import AdversarialLoss
from tf_stugan.gans.outputs import FromNoise
from tf_stugan.gans.terms import Situation
from tf_stugan.gans.terms import Term
from tf_stugan.layers import normalization
from tf_stugan.models import narrowing


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
    terms: what is added to the losses, by role: {'discriminator': [GradientPenalty()]}.
    after_update: what is done to a network after each of its updates, by role: {'discriminator': WeightClip()}.
    joint_pass: real and fake images go through the discriminator together, where it has no BatchNorm; see
      docs/decisions.md.
    precision: what both networks compute in while they train: 'float32', 'bfloat16' or 'float16' (with a loss scale).
      Weights, masks, averages, singular vectors, statistics and losses stay float32, and so does the averaged generator.
    channels: of the generator, where it is not to have all that its width says: `{'generator': {'block1/norm2': 12}}`, see
      `channels` of the models.
    accumulation_steps: parts that every batch is cut into to save memory, each with latents of its own; gradients are their
      mean. As in BigGAN's code BatchNorm sees the parts, one by one, and each makes a power iteration.
  """

  domains = ('data',)

  def __init__(self, make_generator: Callable[[], keras.Model], make_discriminator: Callable[[], keras.Model],
               loss: AdversarialLoss, discriminator_batch_size: int = 64, generator_batch_size: int = 128,
               discriminator_updates: int = 5, augment: DiffAugment | None = None,
               terms: Mapping[str, Sequence[Term]] | None = None, after_update: Mapping[str, AfterUpdate] | None = None,
               joint_pass: bool = True, precision: str = 'float32', accumulation_steps: int = 1,
               channels: Mapping[str, Mapping[str, int]] | None = None, name: str | None = None):
    super().__init__(name=name)
    # With larger ones TensorFlow's counters overflow, and the process crashes.
    errors.check_counts(self, 1, 2**20, discriminator_batch_size=discriminator_batch_size,
                        generator_batch_size=generator_batch_size)
    errors.check_counts(self, discriminator_updates=discriminator_updates, accumulation_steps=accumulation_steps)
    self.joint_pass = joint_pass
    self.precision = precision
    self.accumulation_steps = accumulation_steps
    check_players('NoiseToImage.channels', channels or {}, ['generator'])
    make_narrower = functools.partial(
        narrowing.make, make_generator, (channels or {}).get('generator'), lambda network: network(*_two_inputs(network)))
    with compat.precision(precision):
      self.generator = make_narrower()
      self.discriminator = make_discriminator()
    self.averaged_generator = make_narrower()
    self.num_classes = self.generator.num_classes
    self.loss = loss
    self.discriminator_batch_size = discriminator_batch_size
    self.generator_batch_size = generator_batch_size
    self.discriminator_updates = discriminator_updates
    self.augment = augment
    self.terms = {role: tuple((terms or {}).get(role, ())) for role in ('discriminator', 'generator')}
    after_update = after_update or {}
    check_roles('NoiseToImage.terms', terms or {}, self.terms)
    check_roles('NoiseToImage.after_update', after_update, self.terms)
    self.players = (
        Player('discriminator', 'discriminator', self.discriminator, after_update=after_update.get('discriminator')),
        Player('generator', 'generator', self.generator, self.averaged_generator, after_update.get('generator')))
    self.outputs = {'images': FromNoise('generator', self.generator, self.averaged_generator, 'data')}
    self.balance = {'balance_ratio': BalanceProbe(
        'generator', 'fake_logits', 'discriminator', self._balance, ('discriminator', 'generator'))}
    self._make_generator, self._make_discriminator = make_generator, make_discriminator
    self.teachers = {}
    self.adversarial = 1.0  # weight of the generator's own loss
    self._set_turns_and_work()

  def _set_turns_and_work(self):
    """Sets turns and work; terms are part of both."""
    self.turns = (
        Turn('discriminator', ('discriminator',), self._discriminator_objective,
             ('real_logits', 'fake_logits', *(term.name for term in self.terms['discriminator'])),
             self.discriminator_batch_size, self.discriminator_updates, self.domains, self.accumulation_steps),
        Turn('generator', ('generator',), self._generator_objective,
             ('fake_logits', *(term.name for term in self.terms['generator'])), self.generator_batch_size,
             accumulation_steps=self.accumulation_steps))
    images = {'discriminator': self.discriminator_updates * self.discriminator_batch_size,
              'generator': self.generator_batch_size}
    self.work = (
        Work('generator', images['discriminator'], 1),
        Work('discriminator', 2 * images['discriminator'], 3),
        Work('generator', images['generator'], 3),
        Work('discriminator', images['generator'], 2),
        *(Work(role, images[role], term.passes, isinstance(term, (Distillation, Imitation)))
          for role in images for term in self.terms[role]))

  def distil(self, weight):
    teacher = self._make_discriminator()  # in float32, as that of `imitate`
    self.teachers = {**self.teachers, 'discriminator': teacher}
    self.terms['discriminator'] += (Distillation(teacher, weight),)
    self._set_turns_and_work()

  def imitate(self, distance, adversarial=1.0):
    teacher = self._make_generator()
    self.teachers = {**self.teachers, 'generator': teacher}
    self.terms['generator'] += (Imitation(teacher, distance),)
    self.adversarial = adversarial
    self._set_turns_and_work()

  def build(self, image_shapes=None):
    latents, labels = _two_inputs(self.generator)
    with compat.precision(self.precision):  # layers make others when they are built
      images = self.generator(latents, labels)
      classified = self.discriminator(images, labels).shape[1] - 1
    made = tuple(images.shape[1:])
    if image_shapes is not None and made != tuple(image_shapes['data']):
      raise errors.UserError(
          f'The generator makes images of {made}, the data set has {tuple(image_shapes["data"])}; set '
          'IMAGE_CHANNELS and the resolution so that both agree.')
    self.averaged_generator(latents, labels)
    for player, teacher in self.teachers.items():  # float32: they were made so, and so are layers that they make now
      teacher(images if player == 'discriminator' else latents, labels)
    if classified not in (0, self.num_classes):
      raise errors.UserError(
          f'The discriminator tells {classified} classes apart, the generator makes {self.num_classes}; both have to agree.')
    self._image_shape = made
    return {'data': made}

  def ones(self, player):
    shape = [self.generator.latent_size] if player == 'generator' else self._image_shape
    return tf.ones([1, *shape]), tf.zeros([1], tf.int32)

  # What the players want.

  def _fake(self, seed, batch_size):
    """Makes this replica's fake images of (a part of) a global batch, and the latents that they are made of."""
    batch_size //= self.accumulation_steps
    latents = rng.replica_normal(seed, [batch_size, self.generator.latent_size])
    labels = (rng.replica_labels(rng.fold(seed, 1), batch_size, self.num_classes) if self.num_classes
              else tf.zeros(latents.shape[:1], tf.int32))
    return Examples(self.generator(latents, labels, training=True), labels), latents

  def _judge(self, images, labels):
    """Returns real logits [N, 1], and class logits [N, K] (K = 0 but for an auxiliary classifier)."""
    outputs = tf.cast(self.discriminator(images, labels, training=True), tf.float32)
    return outputs[:, :1], outputs[:, 1:]

  def _judge_both(self, real, fake):
    """Does what `_judge` does for both, in one forward pass where no batch statistic forbids it."""
    if not self.joint_pass or any(isinstance(x, normalization.BatchNorm) for x in self.discriminator.submodules):
      return self._judge(*real), self._judge(*fake)
    count = tf.shape(real.images)[0]
    outputs = self._judge(*(tf.concat(both, axis=0) for both in zip(real, fake, strict=True)))
    return [x[:count] for x in outputs], [x[count:] for x in outputs]

  def _augmented(self, examples, seed, index=2):
    if not self.augment:
      return examples
    return examples._replace(images=self.augment(examples.images, rng.fold(seed, index)))

  def _discriminator_objective(self, batch, seed, made):
    del made
    fake, _ = self._fake(seed, self.discriminator_batch_size)
    alike = self.augment and self.augment.alike
    real = self._augmented(batch['data'], seed)
    fake = self._augmented(fake._replace(images=tf.stop_gradient(fake.images)), seed, 2 if alike else 3)
    (real_logits, real_classes), (fake_logits, fake_classes) = self._judge_both(real, fake)
    loss = self.loss.discriminator(real_logits, fake_logits)
    loss += class_loss(real.labels, real_classes) + class_loss(fake.labels, fake_classes)
    scalars = {'real_logits': tf.reduce_mean(real_logits), 'fake_logits': tf.reduce_mean(fake_logits)}
    situation = Situation(seed, fake, fake_logits, real, real_logits, lambda x: self._judge(x, real.labels)[0])
    return self._with_terms('discriminator', loss, scalars, situation)

  def _generator_objective(self, batch, seed, made):
    del batch, made
    fake, latents = self._fake(seed, self.generator_batch_size)
    seen = self._augmented(fake, seed)
    logits, classes = self._judge(*seen)
    loss = self.loss.generator(logits) + class_loss(fake.labels, classes)
    if self.adversarial != 1:
      loss *= self.adversarial
    situation = Situation(seed, seen, logits, inputs=(latents, fake.labels), made=fake.images)
    return self._with_terms('generator', loss, {'fake_logits': tf.reduce_mean(logits)}, situation)

  def _with_terms(self, role, loss, scalars, situation):
    for i, term in enumerate(self.terms[role]):
      scalars[term.name] = term(situation._replace(seed=rng.fold(situation.seed, 4 + i)))
      loss += scalars[term.name]
    return Outcome(loss, scalars)

  def _balance(self, batch, seed):
    fake, _ = self._fake(seed, self.generator_batch_size)
    return self._logits(fake, seed), self._logits(batch['data'], seed)

  def _logits(self, examples, seed):
    return self._judge(*self._augmented(examples, seed))[0]


def _two_inputs(generator):
  return tf.zeros([2, generator.latent_size]), tf.zeros([2], tf.int32)


def class_loss(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
  """Returns the mean cross entropy of labels int32 [N] and class logits [N, K]; 0 where K is 0."""
  if not logits.shape[1]:
    return tf.zeros([])
  return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
