"""Adversarial losses of logits, from TF-GAN. Each is a pair; every loss is a mean over the batch."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from tf_stugan.compat import tfgan


class AdversarialLoss(NamedTuple):
  """`discriminator(real_logits, fake_logits)` and `generator(fake_logits)`: logits [N, 1] -> a scalar to minimize."""

  discriminator: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
  generator: Callable[[tf.Tensor], tf.Tensor]


def hinge() -> AdversarialLoss:
  """Returns D: mean relu(1 - D(x)) + mean relu(1 + D(G(z))); G: -mean D(G(z)). Miyato et al., 2018, Eq. 16 and 17."""
  return _from_tfgan('wasserstein_hinge')


def wasserstein() -> AdversarialLoss:
  """Returns D: mean D(G(z)) - mean D(x); G: -mean D(G(z)). Arjovsky et al., 2017."""
  return _from_tfgan('wasserstein')


def least_squares(generator_weight: float = 1.0) -> AdversarialLoss:
  """Returns D: (mean (D(x) - 1)^2 + mean D(G(z))^2) / 2; G: mean (D(G(z)) - 1)^2 / 2. Mao et al., 2017.

  Args:
    generator_weight: of G's loss; 2 in CycleGAN, which does not halve it (Zhu et al., 2017, section 4).
  """
  loss = _from_tfgan('least_squares')
  return loss._replace(generator=lambda fake: generator_weight * loss.generator(fake))


def non_saturating(fake_shift: float = 0.0) -> AdversarialLoss:
  """Returns D: mean softplus(-D(x)) + mean softplus(D(G(z)) - fake_shift); G: mean softplus(-D(G(z))). Goodfellow, 2014.

  Args:
    fake_shift: 1 in the code of the lottery tickets (https://arxiv.org/abs/2106.00134), log(1 - D) taken for the logit.
  """
  loss = _from_tfgan('modified', label_smoothing=0.0)
  return loss._replace(discriminator=lambda real, fake: loss.discriminator(real, fake - fake_shift))


def _from_tfgan(prefix: str, **discriminator_kwargs) -> AdversarialLoss:
  discriminator = getattr(tfgan.losses.wargs, f'{prefix}_discriminator_loss')
  generator = getattr(tfgan.losses.wargs, f'{prefix}_generator_loss')
  return AdversarialLoss(
      lambda real_logits, fake_logits: discriminator(real_logits, fake_logits, **discriminator_kwargs),
      lambda fake_logits: generator(fake_logits))
