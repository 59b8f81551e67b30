"""Lets a sparsity method look at gradients before training, while nothing moves."""

from typing import Any

import tensorflow as tf

from tf_stugan.gans.gan import GAN
from tf_stugan.training import synaptic_flow
from tf_stugan.training.moves import Moves
from tf_stugan.training.state import Side


class Probe:
  """Is a `rankings.Probe` in the graph of one replica; players of one turn see the same, since probes share `looks`.

  Attributes:
    finite: whether no gradient overflowed; None where gradients cannot overflow.
  """

  def __init__(self, gan: GAN, moves: Moves, side: Side, batches: Any, looks: dict[tuple[str, bool], Any]):
    self.finite = None
    self._gan = gan
    self._moves = moves
    self._side = side
    self._player = side.player.name
    self._batches = batches
    self._looks = looks

  def gradient(self) -> list[tf.Tensor]:
    return self._look()[1].gradients[self._player]

  def hessian_gradient(self) -> list[tf.Tensor]:
    return self._look(along=self._look()[0])[1].gradients[self._player]

  def flow(self) -> list[tf.Tensor]:
    return synaptic_flow.gradients(
        self._side.player.network, self._gan.ones(self._player), [v.weight for v in self._side.masked])

  def _look(self, along=None):
    key = self._moves.turn_of(self._player).name, along is not None
    if key not in self._looks:
      self._looks[key] = self._moves.at_rest(self._player, self._batches, along=along)
    gradients, move = self._looks[key]
    if move.finite is not None:
      self.finite = move.finite if self.finite is None else self.finite & move.finite
    return gradients, move
