"""What can be added to the loss of a turn, and what can be done to a network after each update of it."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import tensorflow as tf

from tf_stugan import compat
from tf_stugan import errors
from tf_stugan.compat import keras
from tf_stugan.data.images import Examples
from tf_stugan.rng import Seed


class Situation(NamedTuple):
  """What a term may look at. A field that a turn has nothing for is None.

  Attributes:
    seed: of the term's own draws.
    fake: generated images as the discriminator sees them, and their labels.
    fake_logits: the discriminator's, [N, 1].
    real: likewise real images.
    real_logits: likewise.
    discriminate: maps images [N, H, W, C] of the real labels to logits [N, 1], in training mode.
    inputs: what the generator made the fake images of.
    made: the fake images as the generator made them.
  """

  seed: Seed
  fake: Examples
  fake_logits: tf.Tensor
  real: Examples | None = None
  real_logits: tf.Tensor | None = None
  discriminate: Callable[[tf.Tensor], tf.Tensor] | None = None
  inputs: tuple[tf.Tensor, ...] = ()
  made: tf.Tensor | None = None


class Term(Protocol):
  """A scalar that is added to a loss.

  Attributes:
    name: under which it is reported.
    passes: through the network of the player whose loss it is, for each image of a batch; see `gan.Work`.
  """

  name: str
  passes: int

  def __call__(self, situation: Situation) -> tf.Tensor:
    ...


class WeightClip:
  """Clips every variable of a network to [-bound, bound] after each update (Arjovsky et al., 2017, Algorithm 1).

  Args:
    bound: 0.01 in the paper.
  """

  def __init__(self, bound: float = 0.01):
    errors.check_within(self, 0, float('inf'), bound=bound)
    self.bound = bound

  def __call__(self, network: keras.Model, learning_rate: tf.Tensor) -> None:
    del learning_rate
    for variable in network.trainable_variables:
      compat.assign(variable, tf.clip_by_value(variable, -self.bound, self.bound))
