"""Finds layers that have hardly any weights left, and warns of each once."""

from collections.abc import Sequence
import logging

from tf_stugan.gans.gan import Player
from tf_stugan.layers.prunable import prunable_layers
from tf_stugan.sparsity import masks
from tf_stugan.sparsity.masks import MaskedVariable

_LOG = logging.getLogger(__name__)


class ThinLayers:
  """Checks the masks of the players after their updates, on the host, and remembers what it has warned of."""

  def __init__(self):
    self._warned = set()
    self._thin = set()

  def check(self, player: Player, masked: Sequence[MaskedVariable]) -> bool:
    """Warns of layers with a single weight, the least that an update leaves.

    Args:
      player: the player.
      masked: the kernels of its layers, with their masks.

    Returns:
      Whether a layer has, for the first time, fewer weights than outputs, so that some outputs are constant.
    """
    name, layers = player.name, prunable_layers(player.network)
    kept = {v.name: int(masks.nonzeros(v.mask)) for v in masked}
    if empty := [v.name for v in masked if not kept[v.name]]:
      self._warn(name, 'empty', f'No weight is left in {", ".join(empty)} of the {name}: what they put out is constant.')
    single = [v.name for v in masked if kept[v.name] == 1 < v.mask.shape.num_elements()]
    if single:
      self._warn(name, 'layers', f'One weight is left, the least that a layer keeps, in {", ".join(single)} of the '
                 f'{name}: choose a larger density, or a ranking layer by layer (across_layers = False).')
    thin = {(name, v.name) for v in masked if kept[v.name] < layers[v.name].units}
    before, self._thin = self._thin, self._thin | thin
    return bool(thin - before)

  def warn_constant(self, player: str) -> None:
    """Warns that the loss of a player does not depend on its inputs."""
    self._warn(player, 'constant', f'The loss of the {player} is the same for any images and latents: what is left of its '
               'network, or of its opponent\'s, puts out a constant, and nothing will be learnt. Choose a larger density.')

  def _warn(self, player, what, message):
    if (player, what) not in self._warned:
      self._warned.add((player, what))
      _LOG.warning(message)
