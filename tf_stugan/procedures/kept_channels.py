"""Which channels of a network stay."""

from collections.abc import Mapping
import logging
import pathlib
from typing import Protocol

import numpy as np

from tf_stugan import errors
from tf_stugan import rng
from tf_stugan.models import narrowing
from tf_stugan.training import checkpoint_files
from tf_stugan.training import named_variables

_LOG = logging.getLogger(__name__)


class KeptChannels(Protocol):
  """Chooses the channels of one player's network.

  Attributes:
    needs_search: whether it looks at what a search has found.
  """

  needs_search: bool

  def __call__(self, player: str, full: Mapping[str, int], seed: int, search: pathlib.Path) -> dict[str, np.ndarray]:
    """Returns those that stay, ascending, at least one, of every normalization.

    Args:
      player: its name.
      full: how many channels each normalization has.
      seed: of the run.
      search: folder of the checkpoints of the search.
    """


class Alive:
  """Keeps those whose scale is not exactly 0 at the end of the search; those of normalizations without scales all."""

  needs_search = True

  def __call__(self, player, full, seed, search):
    del seed
    found = checkpoint_files.find_whole(search)
    return narrowing.living_channels(full, named_variables.read_values(found / 'variables', f'weights/{player}'))


class Random:
  """Keeps the same share of every normalization's channels, by chance.

  Args:
    share: of the channels, in (0, 1]; rounded, but for at least one.
  """

  needs_search = False

  def __init__(self, share: float):
    errors.check_density(share)
    self.share = share

  def __call__(self, player, full, seed, search):
    del search
    found = {}
    for norm, count in full.items():
      order = np.argsort(rng.uniform([count], rng.seed(seed, f'{player}/{norm}/random_channels')).numpy())
      found[norm] = np.sort(order[:max(1, round(self.share * count))])
    return found


def tell(kept: Mapping[str, Mapping[str, np.ndarray]], full: Mapping[str, Mapping[str, int]]) -> None:
  """Logs how many channels stay; warns where all do, and where a normalization has but one left."""
  for player, norms in kept.items():
    counts = {norm: len(channels) for norm, channels in norms.items()}
    _LOG.info('The %s keeps %d of %d channels.', player, sum(counts.values()), sum(full[player].values()))
    if all(len(channels) == full[player][norm] for norm, channels in norms.items()):
      _LOG.warning('No channel of the %s can go, so what comes next is the network of full width: raise RHO or '
                   'SEARCH_STEPS, or lower KEPT_CHANNELS.', player)
    if single := [norm for norm, count in counts.items() if count == 1 < full[player][norm]]:
      _LOG.warning('Of %s in the %s one channel stays, since a layer needs one: hardly anything gets through it.',
                   ', '.join(sorted(single)), player)
