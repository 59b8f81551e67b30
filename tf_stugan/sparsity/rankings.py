"""What an update of masks before training may rank by, in the place of the gradient of a batch."""

from collections.abc import Callable
from typing import Protocol

import tensorflow as tf


class Probe(Protocol):
  """One player's network in its game, as it stands; looking at it moves nothing. Lists have a tensor for each kernel."""

  def gradient(self) -> list[tf.Tensor]:
    """Returns the gradient of the player's loss for one batch."""

  def hessian_gradient(self) -> list[tf.Tensor]:
    """Returns the Hessian of that loss times its gradient."""

  def flow(self) -> list[tf.Tensor]:
    """Returns the gradient of the synaptic flow with respect to |w|."""


Ranking = Callable[[Probe], list[tf.Tensor]]


def gradient(probe: Probe) -> list[tf.Tensor]:
  """Ranks by the gradient of a batch; with `scores.saliency` SNIP."""
  return probe.gradient()


def hessian_gradient(probe: Probe) -> list[tf.Tensor]:
  """Ranks by the Hessian times the gradient; with `scores.gradient_flow` GraSP (Wang et al., 2020)."""
  return probe.hessian_gradient()


def synaptic_flow(probe: Probe) -> list[tf.Tensor]:
  """Ranks by the gradient of the synaptic flow; with `scores.saliency` SynFlow (Tanaka et al., 2020)."""
  return probe.flow()
