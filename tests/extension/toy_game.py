"""A game of somebody else: one painter, and a critic for each of two domains."""

import tensorflow as tf

from tf_stugan import compat
from tf_stugan import rng
from tf_stugan.compat import keras
from tf_stugan.gans.gan import GAN
from tf_stugan.gans.gan import Outcome
from tf_stugan.gans.gan import Player
from tf_stugan.gans.gan import Turn
from tf_stugan.gans.gan import Work
from tf_stugan.gans.outputs import FromNoise
from tf_stugan.layers.style import LayerStyle

BATCH = 4


class Painter(keras.Model):
  """Latents [N, 6] -> images [N, resolution, resolution, 3]."""

  latent_size, num_classes = 6, 0

  def __init__(self, resolution):
    super().__init__(name='painter')
    self.project = LayerStyle().dense(resolution * resolution * 4, 'project')
    self.conv = LayerStyle().conv(3, 'conv')
    self.shape_ = [-1, resolution, resolution, 4]

  def call(self, latents, labels=None, training=False):
    x = tf.reshape(tf.nn.relu(self.project(latents, training=training)), self.shape_)
    return tf.tanh(self.conv(x, training=training))


class Critic(keras.Model):
  """Images -> logits [N, 1]."""

  def __init__(self, name):
    super().__init__(name=name)
    self.conv = LayerStyle().conv(4, 'conv')
    self.logit = LayerStyle().dense(1, 'logit')

  def call(self, images, labels=None, training=False):
    return self.logit(tf.reduce_mean(tf.nn.relu(self.conv(images, training=training)), axis=[1, 2]), training=training)


class TwoCritics(GAN):
  """The painter is to please both critics; it remembers how often it has moved."""

  domains = ('left', 'right')

  def __init__(self, resolution: int, name: str | None = None):
    super().__init__(name=name)
    self.resolution = resolution
    self.painter, self.average = Painter(resolution), Painter(resolution)
    self.critics = {domain: Critic(f'critic_{domain}') for domain in self.domains}
    self.players = (
        *(Player(f'critic_{domain}', 'critic', critic) for domain, critic in self.critics.items()),
        Player('painter', 'painter', self.painter, self.average))
    self.turns = (
        Turn('painter', ('painter',), self._paint, ('left', 'right'), BATCH),
        Turn('critics', tuple(f'critic_{domain}' for domain in self.domains), self._judge, (), BATCH, domains=self.domains))
    self.outputs = {'pictures': FromNoise('painter', self.painter, self.average, 'left')}
    self.work = (Work('painter', BATCH, 3), *(Work(f'critic_{domain}', 3 * BATCH, 3) for domain in self.domains))
    self.painted = tf.Variable(0, trainable=False, name='painted')

  def build(self, image_shapes=None):
    images = self.painter(tf.zeros([1, 6]))
    self.average(tf.zeros([1, 6]))
    for critic in self.critics.values():
      critic(images)
    return dict.fromkeys(self.domains, tuple(images.shape[1:]))

  def _paint(self, batch, seed, made):
    images = self.painter(rng.replica_normal(seed, [BATCH, 6]), training=True)
    compat.assign(self.painted, self.painted + 1)
    logits = {domain: tf.reduce_mean(critic(images, training=True)) for domain, critic in self.critics.items()}
    return Outcome(-tf.add_n(list(logits.values())), logits, {'images': tf.stop_gradient(images)})

  def _judge(self, batch, seed, made):
    loss = 0.0
    for domain, critic in self.critics.items():
      real, fake = critic(batch[domain].images, training=True), critic(made['images'], training=True)
      loss += tf.reduce_mean(tf.nn.relu(1 - real)) + tf.reduce_mean(tf.nn.relu(1 + fake))
    return Outcome(loss, {})
