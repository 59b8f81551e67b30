"""Networks that learn from others, too: a discriminator from another one, a generator from one of full width."""

import tensorflow as tf

from tf_stugan.compat import keras
from tf_stugan.gans.distances import Distance
from tf_stugan.gans.terms import Situation


class Distillation:
  """Adds weight * mean KL(Bernoulli(p) || Bernoulli(q)) / 2, p by the teacher's logits and q by the discriminator's.

  The mean is over all real and generated images of a batch, as the discriminator sees them. This is what the code of the
  lottery tickets computes (Chen et al., 2021, https://arxiv.org/abs/2106.00134): its mean goes over two classes an image,
  therefore the half.

  Args:
    teacher: a discriminator of the same kind, which stays as it is.
    weight: 1 in the paper.
  """

  name = 'distillation'
  passes = 2  # of the teacher, forward, for a real and a generated image

  def __init__(self, teacher: keras.Model, weight: float = 1.0):
    self.teacher = teacher
    self.weight = weight

  def __call__(self, situation: Situation) -> tf.Tensor:
    """Returns the scalar."""
    taught = [self._teach(examples) for examples in (situation.real, situation.fake)]
    learnt = tf.concat([situation.real_logits, situation.fake_logits], axis=0)
    return self.weight * 0.5 * tf.reduce_mean(bernoulli_divergence(tf.stop_gradient(tf.concat(taught, axis=0)), learnt))

  def _teach(self, examples):
    return tf.cast(self.teacher(examples.images, examples.labels, training=False), tf.float32)[:, :1]


class Imitation:
  """Adds the distance of what a generator makes from what a teacher makes of the same latents and labels.

  Args:
    teacher: a generator of full width, which stays as it is, in inference mode.
    distance: between images.
  """

  name = 'imitation'
  passes = 1  # of the teacher, forward

  def __init__(self, teacher: keras.Model, distance: Distance):
    self.teacher = teacher
    self.distance = distance

  def __call__(self, situation: Situation) -> tf.Tensor:
    """Returns the scalar."""
    return self.distance(tf.stop_gradient(self.teacher(*situation.inputs, training=False)), situation.made)


def bernoulli_divergence(p: tf.Tensor, q: tf.Tensor) -> tf.Tensor:
  """Returns KL(Bernoulli(sigmoid(p)) || Bernoulli(sigmoid(q))) of logits, elementwise, exact for large ones, too."""
  yes, no = tf.math.log_sigmoid, lambda x: tf.math.log_sigmoid(-x)
  return tf.sigmoid(p) * (yes(p) - yes(q)) + tf.sigmoid(-p) * (no(p) - no(q))
