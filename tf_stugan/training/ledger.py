"""What a run will cost, told from its configuration: no training, no data, no masks drawn."""

from collections.abc import Mapping
from typing import NamedTuple

from tf_stugan.gans.gan import GAN
from tf_stugan.gans.gan import Player
from tf_stugan.metrics.cost import Convention
from tf_stugan.metrics.cost import Game
from tf_stugan.metrics.cost import network_cost
from tf_stugan.metrics.cost import NetworkCost


class Ledger(NamedTuple):
  """Costs of a run.

  Attributes:
    networks: by player, at the end of the run.
    training: operations of all its steps.
    dense_training: the same of the dense run.
    image: operations of generating one image.
    dense_image: the same of the dense run.
    exact: False where a ranking across layers decides what each layer keeps; the densities are then those that all
      layers have together, and only `report`, on a finished run, tells the true cost.
  """

  networks: Mapping[str, NetworkCost]
  training: float
  dense_training: float
  image: float
  dense_image: float
  exact: bool


def game(gan: GAN) -> Game:
  """What the conventions have to know of a GAN of one generator and one discriminator."""
  players = {player.name: player for player in gan.players}
  generator, discriminator = players['generator'], players['discriminator']
  return Game(gan.work, generator.batch_size, discriminator.batch_size, discriminator.updates_per_step)


def dense_cost(player: Player, cost: NetworkCost) -> NetworkCost:
  """The network with every weight; of a narrowed one, that of full width."""
  full_width = getattr(player.network, 'full_width', None)
  return network_cost(full_width(), []) if full_width else cost.dense()


def step_operations(convention: Convention, costs: Mapping[str, NetworkCost], gan: GAN) -> tuple[float, float]:
  """Operations of one training step: (with these costs, of the dense run)."""
  dense = {player.name: dense_cost(player, costs[player.name]) for player in gan.players}
  return convention.step(costs, game(gan)), convention.step(dense, game(gan))


def ledger(trainer, num_steps: int, convention: Convention) -> Ledger:
  """Adds up a run of `num_steps` steps from the expected densities of its layers.

  Args:
    trainer: a `Trainer`, not built; its networks are built here.
    num_steps: length of the run.
    convention: what counts.
  """
  gan = trainer.gan
  gan.build()
  costs, shapes = {}, {}
  for player in gan.players:
    masked = trainer.layers(player.network) if player.name in trainer.methods else []
    costs[player.name] = network_cost(player.network, masked)
    shapes[player.name] = {v.name: tuple(v.weight.shape) for v in masked}

  def at(step):
    return {name: cost.with_densities(trainer.methods[name].expected_densities(shapes[name], step))
            if name in trainer.methods else cost for name, cost in costs.items()}
  changes = [step for step in range(num_steps) if step == 0 or any(
      method.is_update_step(step) for method in trainer.methods.values())]
  training = sum(
      (end - start) * convention.step(at(start), game(gan))
      for start, end in zip(changes, [*changes[1:], num_steps], strict=True))
  networks = at(num_steps)
  dense, = (dense_cost(player, networks[player.name]) for player in gan.players if player.name == 'generator')
  return Ledger(
      networks, training, num_steps * step_operations(convention, networks, gan)[1],
      convention.image(networks['generator']), convention.image(dense),
      not any(method.across_layers for method in trainer.methods.values()))
