"""What networks cost: parameters, multiply-adds of one image, and the operations of a training step by three conventions."""

from collections.abc import Mapping, Sequence
import dataclasses
from typing import Protocol

from tf_stugan import errors
from tf_stugan.compat import keras
from tf_stugan.layers.normalization import BatchNorm
from tf_stugan.layers.prunable import kernel_layers
from tf_stugan.sparsity import masks
from tf_stugan.sparsity.masks import MaskedVariable


@dataclasses.dataclass(frozen=True)
class LayerCost:
  """One convolution or dense layer.

  Attributes:
    name: path of the layer.
    shape: of its kernel.
    masked: whether it carries a mask.
    density: share of its weights that are kept, 1 where it carries none.
    positions: how often each weight is multiplied for one image.
    bias_adds: additions of the bias for one image.
  """

  name: str
  shape: tuple[int, ...]
  parameters: int
  masked: bool
  density: float
  positions: int
  bias_adds: int

  @property
  def dense_multiply_adds(self) -> int:
    return self.positions * self.parameters

  @property
  def multiply_adds(self) -> float:
    return self.density * self.dense_multiply_adds


@dataclasses.dataclass(frozen=True)
class NetworkCost:
  """One network.

  Attributes:
    parameters: trainable ones, masked or not.
    layers: those with kernels, in the order of the network.
    normalized_values: values that BatchNorm with a scale and an offset puts out for one image.
  """

  parameters: int
  layers: tuple[LayerCost, ...]
  normalized_values: int

  @property
  def masked_parameters(self) -> int:
    """The weights of masked kernels; a density is a share of these."""
    return sum(layer.parameters for layer in self.layers if layer.masked)

  @property
  def kept_parameters(self) -> int:
    """All parameters without those that a mask holds at zero."""
    return self.parameters - round(sum((1 - layer.density) * layer.parameters for layer in self.layers))

  @property
  def density(self) -> float:
    """Share of the masked weights that are kept; 1 without masks."""
    masked = [layer for layer in self.layers if layer.masked]
    return sum(layer.density * layer.parameters for layer in masked) / self.masked_parameters if masked else 1.0

  @property
  def dense_multiply_adds(self) -> int:
    """Of one image forward, by the kernels with every weight."""
    return sum(layer.dense_multiply_adds for layer in self.layers)

  @property
  def multiply_adds(self) -> int:
    """Of one image forward, by the weights that are kept."""
    return round(sum(layer.multiply_adds for layer in self.layers))

  def dense(self) -> 'NetworkCost':
    """Returns the same network without masks."""
    return self.with_densities({})

  def with_densities(self, densities: Mapping[str, float]) -> 'NetworkCost':
    """Returns the same network with masks of these densities, by layer; layers that are not named have none."""
    layers = [dataclasses.replace(layer, masked=layer.name in densities, density=densities.get(layer.name, 1.0))
              for layer in self.layers]
    return dataclasses.replace(self, layers=tuple(layers))


def network_cost(network: keras.Model, masked: Sequence[MaskedVariable] = ()) -> NetworkCost:
  """Counts a built network with its present masks; without them it may have been built in a graph, on paper."""
  layers = []
  for name, layer in kernel_layers(network).items():
    layers.append(LayerCost(
        name, tuple(layer.kernel.shape), layer.kernel.shape.num_elements(), False, 1.0, layer.positions,
        layer.positions * layer.units * (layer.bias is not None)))
  normalized = sum(m.values for m in network.submodules if isinstance(m, BatchNorm) and m.scale)
  parameters = sum(v.shape.num_elements() for v in network.trainable_variables)
  return NetworkCost(parameters, tuple(layers), normalized).with_densities(
      {v.name: int(masks.nonzeros(v.mask)) / v.mask.shape.num_elements() for v in masked})


def dense_cost(network: keras.Model, cost: NetworkCost) -> NetworkCost:
  """Counts what the network is compared with: itself with every weight or, where it was narrowed, the one of full width."""
  full_width = getattr(network, 'full_width', None)
  return network_cost(full_width()) if full_width else cost.dense()


class Game(Protocol):
  """What a convention has to know of a GAN.

  Attributes:
    work: (player, images through its network, passes, whether it is its teacher's) of a training step; see `gans.gan.Work`.
    teachers: networks that others learn from, by player.
  """

  work: Sequence[tuple[str, int, int, bool]]
  teachers: Mapping[str, keras.Model]


class _PublishedForNoise:
  """A convention of a paper, for games of one generator fed with noise and one discriminator."""

  name = ''

  def check(self, game: Game) -> None:
    """Raises UserError where the game is another one."""
    if not hasattr(game, 'discriminator_updates'):
      raise errors.UserError(f'{self.name} knows games of one generator and one discriminator only, not '
                             f'{type(game).__name__}; take --convention=measured.')

  def dense_step(self, costs: Mapping[str, NetworkCost], game: Game) -> float:
    """Counts operations of one step of the run that is compared with."""
    return self.step(costs, game)


class Measured:
  """Every forward and every backward once: 2 operations a multiply-add, a backward to the weights and one to the input
  each as much as a forward. Kernels only; not counted are the updates of masks and the balance ratio."""

  name = 'measured'

  def check(self, game: Game) -> None:
    """Accepts every game."""

  def image(self, cost: NetworkCost) -> float:
    """Counts operations of one image forward."""
    return 2 * cost.multiply_adds

  def step(self, costs: Mapping[str, NetworkCost], game: Game, pruned: bool = False) -> float:
    """Counts operations of one training step; `pruned`: of a run that was dense at first."""
    del pruned
    taught = {player: network_cost(teacher) for player, teacher in game.teachers.items()}  # dense, whatever the player is
    return self.dense_step(costs, game) + sum(
        images * passes * self.image(taught[player]) for player, images, passes, of_teacher in game.work if of_teacher)

  def dense_step(self, costs: Mapping[str, NetworkCost], game: Game) -> float:
    """Counts operations of one step of the run that is compared with, which has no teacher."""
    return sum(images * passes * self.image(costs[player])
               for player, images, passes, of_teacher in game.work if not of_teacher)


class PublishedStugan(_PublishedForNoise):
  """What reproduces Table 2 of STU-GAN (journal version), to 0.01 of the dense run.

  As `measured`, but with the discriminator's batch in place of the generator's, three passes through the discriminator in
  the generator's update, and one "step" a discriminator update (its 2.05e18 for BigGAN; its 0.5e17 for SNGAN does not come
  out of any recipe we know). Fine-tuning a pruned generator against a dense discriminator is charged as if both were as
  sparse as the generator.
  """

  name = 'published:stugan'

  def image(self, cost: NetworkCost) -> float:
    return 2 * cost.multiply_adds

  def step(self, costs: Mapping[str, NetworkCost], game: Game, pruned: bool = False) -> float:
    generator, discriminator = costs['generator'], costs['discriminator']
    updates = game.discriminator_updates
    passes = {'generator': updates + 3, 'discriminator': 6 * updates + 3}
    if pruned and generator.density < 1 and not any(layer.masked and layer.density < 1 for layer in discriminator.layers):
      dense = {name: cost.dense() for name, cost in costs.items()}
      return generator.density * self.step(dense, game)
    return game.discriminator_batch_size * updates * sum(passes[name] * self.image(cost) for name, cost in costs.items())


class PublishedAdapt(_PublishedForNoise):
  """What reproduces Table 3 of ADAPT (poster): one operation a multiply-add, one a bias added, two a BatchNorm value.

  A discriminator update costs three forwards of its real half only, the generator's update one forward of the
  discriminator, and the discriminator's whole share is multiplied by the number of its updates once more.
  """

  name = 'published:adapt'

  def image(self, cost: NetworkCost) -> float:
    return sum(layer.multiply_adds + layer.bias_adds for layer in cost.layers) + 2 * cost.normalized_values

  def step(self, costs: Mapping[str, NetworkCost], game: Game, pruned: bool = False) -> float:
    del pruned
    updates = game.discriminator_updates
    generator = updates * game.discriminator_batch_size + 3 * game.generator_batch_size
    discriminator = updates * (3 * updates * game.discriminator_batch_size + game.generator_batch_size)
    return generator * self.image(costs['generator']) + discriminator * self.image(costs['discriminator'])


Convention = Measured | PublishedStugan | PublishedAdapt
CONVENTIONS = (Measured(), PublishedStugan(), PublishedAdapt())
