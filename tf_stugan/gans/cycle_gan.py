"""Two translators between two domains, and a discriminator for each domain (Zhu et al., 2017, https://arxiv.org/abs/1703.10593)."""

from collections.abc import Callable, Mapping
import functools

import tensorflow as tf

from tf_stugan import compat
from tf_stugan import errors
from tf_stugan import rng
from tf_stugan.compat import keras
from tf_stugan.gans.gan import BalanceProbe
from tf_stugan.gans.gan import check_players
from tf_stugan.gans.gan import GAN
from tf_stugan.gans.gan import Outcome
from tf_stugan.gans.gan import Player
from tf_stugan.gans.gan import Shape
from tf_stugan.gans.gan import Turn
from tf_stugan.gans.gan import Work
from tf_stugan.gans.image_buffer import ImageBuffer
from tf_stugan.gans.losses import AdversarialLoss
from tf_stugan.gans.outputs import FromImages
from tf_stugan.models import narrowing

Score = Callable[[tf.Tensor], tf.Tensor]  # a discriminator's map [N, h, w, 1] -> logits [M, 1]


def patches(scores: tf.Tensor) -> tf.Tensor:
  """Judges every patch by itself (the original CycleGAN): [N, h, w, 1] -> [N * h * w, 1]."""
  return tf.reshape(scores, [-1, 1])


def mean_of_patches(scores: tf.Tensor) -> tf.Tensor:
  """Judges an image by the mean over its patches (the lottery tickets' code): [N, h, w, 1] -> [N, 1]."""
  return tf.reduce_mean(scores, axis=[1, 2])


class CycleGAN(GAN):
  """G: a -> b and F: b -> a, which undo one another; D_a and D_b tell their images from real ones.

  Loss of the translators, which move together:
    L(D_b(G(a))) + L(D_a(F(b))) + cycle (|F(G(a)) - a| + |G(F(b)) - b|) + identity (|G(b) - b| + |F(a) - a|)
  with means of absolute differences. One Adam for both, as published, and one Adam each are the same arithmetic.

  Args:
    make_generator: makes a translator; takes its `name`.
    make_discriminator: makes a discriminator, [N, H, W, C] -> [N, h, w, 1]; takes its `name`.
    loss: an `AdversarialLoss`; `least_squares` with generator_weight 2 is the published one.
    image_shape: (H, W, C) of both domains.
    batch_size: images of each domain in a step.
    cycle: weight of the cycle consistency.
    identity: weight of the identity loss; 0 leaves it out.
    score: what a logit is, `patches` or `mean_of_patches`.
    buffer_size: translations that each discriminator's buffer holds; 0 shows the newest only.
    averaged: whether there are translators that hold the averages of these two, to be scored, shown and exported.
    precision: what all networks compute in while they train: 'float32', 'bfloat16' or 'float16'.
    channels: of the translators, by name, where they are not to have all that their width says; see `channels` of theirs.
  """

  domains = ('a', 'b')

  def __init__(self, make_generator: Callable[..., keras.Model], make_discriminator: Callable[..., keras.Model],
               loss: AdversarialLoss, image_shape: Shape, batch_size: int = 1, cycle: float = 10.0, identity: float = 5.0,
               score: Score = patches, buffer_size: int = 50, averaged: bool = False, precision: str = 'float32',
               channels: Mapping[str, Mapping[str, int]] | None = None, name: str | None = None):
    super().__init__(name=name)
    errors.check_counts(self, batch_size=batch_size)
    errors.check_counts(self, 0, buffer_size=buffer_size)
    errors.check_within(self, 0, float('inf'), cycle=cycle, identity=identity)
    self.loss = loss
    self.image_shape = tuple(image_shape)
    self.batch_size = batch_size
    self.cycle = cycle
    self.identity = identity
    self.score = score
    self.precision = precision
    translators = ('a_to_b', 'b_to_a')
    check_players('CycleGAN.channels', channels or {}, translators)
    def make_translator(name):
      return narrowing.make(functools.partial(make_generator, name=name), (channels or {}).get(name),
                            lambda network: network(tf.zeros([1, *self.image_shape])))
    with compat.precision(precision):
      self.a_to_b, self.b_to_a = map(make_translator, translators)
      self.discriminator_a, self.discriminator_b = (make_discriminator(name=f'discriminator_{d}') for d in self.domains)
    self.averages = list(map(make_translator, translators)) if averaged else [None, None]
    self._make_generator = make_generator
    self.teachers = {}
    self.adversarial = 1.0  # weight of the translators' own loss
    self.buffers = {domain: ImageBuffer(buffer_size, name=f'buffer_{domain}') for domain in self.domains}
    self.players = (
        Player('a_to_b', 'generator', self.a_to_b, self.averages[0]),
        Player('b_to_a', 'generator', self.b_to_a, self.averages[1]),
        Player('discriminator_a', 'discriminator', self.discriminator_a),
        Player('discriminator_b', 'discriminator', self.discriminator_b))
    self.outputs = {
        'a_to_b': FromImages('a_to_b', self.a_to_b, self.averages[0], 'b', 'a', self.image_shape, 'b_to_a'),
        'b_to_a': FromImages('b_to_a', self.b_to_a, self.averages[1], 'a', 'b', self.image_shape, 'a_to_b')}
    self.balance = {f'{name}/balance_ratio': BalanceProbe(
        'translators', f'{name}/fake_logits', 'translators', self._balance(name), (f'discriminator_{output.domain}', name))
        for name, output in self.outputs.items()}
    self._set_turns_and_work()

  def _set_turns_and_work(self):
    """Sets turns and work; teachers are part of both."""
    scalars = ('a_to_b/fake_logits', 'b_to_a/fake_logits', 'cycle_a', 'cycle_b', *(['identity'] if self.identity else []),
               *(['imitation'] if self.teachers else []))
    self.turns = (
        Turn('translators', ('a_to_b', 'b_to_a'), self._translate, scalars, self.batch_size, domains=self.domains),
        *(Turn(f'discriminator_{d}', (f'discriminator_{d}',), self._judge(d), ('real_logits', 'fake_logits'),
               self.batch_size, domains=(d,)) for d in self.domains))
    passes = 9 if self.identity else 6  # forward and back for an image, for a translated one and, if asked, for the identity
    self.work = (
        *(Work(name, self.batch_size, passes) for name in self.outputs),
        *(Work(name, self.batch_size, 1, of_teacher=True) for name in self.teachers),
        *(Work(f'discriminator_{d}', self.batch_size, 2) for d in self.domains),
        *(Work(f'discriminator_{d}', 2 * self.batch_size, 3) for d in self.domains))

  def imitate(self, distance, adversarial=1.0):
    self.teachers = {name: self._make_generator(name=name) for name in self.outputs}
    self.distance = distance
    self.adversarial = adversarial
    self._set_turns_and_work()

  def build(self, image_shapes=None):
    for domain, shape in (image_shapes or {}).items():
      if tuple(shape) != self.image_shape:
        raise errors.UserError(
            f'Images of domain {domain} are shown as {tuple(shape)}, the networks are made for {self.image_shape}; set '
            'IMAGE_RESOLUTION, the CROP that is made of images of size RESIZE, and IMAGE_CHANNELS so that they agree.')
    images = tf.zeros([1, *self.image_shape])
    with compat.precision(self.precision):
      for player in self.players:
        player.network(images)
    for network in (*self.averages, *self.teachers.values()):
      if network is not None:
        network(images)
    for buffer in self.buffers.values():
      buffer.build(self.image_shape)
    return dict.fromkeys(self.domains, self.image_shape)

  def ones(self, player):
    del player
    return tf.ones([1, *self.image_shape]), tf.zeros([1], tf.int32)

  def _logits(self, domain, images):
    network = self.discriminator_a if domain == 'a' else self.discriminator_b
    return self.score(tf.cast(network(images, training=True), tf.float32))

  def _translate(self, batch, seed, made):
    """Computes the objective of both translators."""
    del seed, made
    a, b = batch['a'].images, batch['b'].images
    fake_b, same_b = self._pass(self.a_to_b, a, b)
    fake_a, same_a = self._pass(self.b_to_a, b, a)
    logits_b, logits_a = self._logits('b', fake_b), self._logits('a', fake_a)
    cycle_a = _distance(self.b_to_a(fake_b, training=True), a)
    cycle_b = _distance(self.a_to_b(fake_a, training=True), b)
    loss = self.loss.generator(logits_b) + self.loss.generator(logits_a) + self.cycle * (cycle_a + cycle_b)
    scalars = {'a_to_b/fake_logits': tf.reduce_mean(logits_b), 'b_to_a/fake_logits': tf.reduce_mean(logits_a),
               'cycle_a': cycle_a, 'cycle_b': cycle_b}
    if self.identity:
      scalars['identity'] = _distance(same_b, b) + _distance(same_a, a)
      loss += self.identity * scalars['identity']
    if self.adversarial != 1:
      loss *= self.adversarial
    if self.teachers:
      targets = (tf.stop_gradient(self.teachers[name](x, training=False)) for name, x in (('a_to_b', a), ('b_to_a', b)))
      scalars['imitation'] = tf.add_n([self.distance(*pair) for pair in zip(targets, (fake_b, fake_a), strict=True)])
      loss += scalars['imitation']
    return Outcome(loss, scalars, {'a': fake_a, 'b': fake_b})

  def _pass(self, translator, images, targets):
    """Translates images and, for the identity loss, those of its target domain: in one pass, so that both share a graph."""
    if not self.identity:
      return translator(images, training=True), None
    return tf.split(translator(tf.concat([images, targets], 0), training=True), 2)

  def _judge(self, domain):
    """Returns the objective of a discriminator."""
    def objective(batch, seed, made):
      fake = self.buffers[domain].exchange(tf.stop_gradient(made[domain]), rng.fold(seed, 0))
      real_logits, fake_logits = self._logits(domain, batch[domain].images), self._logits(domain, fake)
      return Outcome(self.loss.discriminator(real_logits, fake_logits), {
          'real_logits': tf.reduce_mean(real_logits), 'fake_logits': tf.reduce_mean(fake_logits)})
    return objective

  def _balance(self, name):
    output = self.outputs[name]

    def measure(batch, seed):
      del seed
      fake = output.live(batch[output.source].images, training=True)
      return tuple(tf.reduce_mean(self._logits(output.domain, x)) for x in (fake, batch[output.domain].images))
    return measure


def _distance(x, y):
  return tf.reduce_mean(tf.abs(x - y))
