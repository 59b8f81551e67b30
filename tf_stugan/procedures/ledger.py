"""What a run will cost, told from its configuration: no training, no data, no masks drawn."""

from collections.abc import Mapping
import functools
from typing import NamedTuple

import tensorflow as tf

from tf_stugan.metrics.cost import Convention
from tf_stugan.metrics.cost import dense_cost
from tf_stugan.metrics.cost import network_cost
from tf_stugan.metrics.cost import NetworkCost
from tf_stugan.training.trainer import Trainer


class Ledger(NamedTuple):
  """Costs of a run.

  Attributes:
    networks: by player, at the end of the run.
    training: operations of all its steps.
    dense_training: the same of the dense run.
    image: operations of generating one image.
    dense_image: the same of the dense run.
    exact: False where a ranking across layers decides what each layer keeps; only `report`, on a finished run, tells the
      true cost then.
  """

  networks: Mapping[str, NetworkCost]
  training: float
  dense_training: float
  image: float
  dense_image: float
  exact: bool


def ledger(trainer: Trainer, num_steps: int, convention: Convention) -> Ledger:
  """Adds up a run of `num_steps` steps from the expected densities of its layers.

  Args:
    trainer: not built; its networks are built here, without drawing weights.
    num_steps: length of the run.
    convention: what counts.
  """
  gan = trainer.gan
  with tf.variable_creator_scope(_zeros):
    gan.build()
  costs = {player.name: network_cost(player.network) for player in gan.players}
  shapes = {player.name: {v.name: tuple(v.weight.shape) for v in trainer.layers(player.network)} for player in gan.players
            if player.name in trainer.methods}

  def at(step):
    return {name: cost.with_densities(trainer.methods[name].expected_densities(shapes[name], step))
            if name in trainer.methods else cost for name, cost in costs.items()}
  changes = sorted({0}.union(*(
      (step for step in method.density_steps() if step < num_steps) for method in trainer.methods.values())))
  pruned = not all(method.is_settled(0) for method in trainer.methods.values())
  training = sum(
      (end - start) * convention.step(at(start), gan, pruned)
      for start, end in zip(changes, [*changes[1:], num_steps], strict=True))
  networks = at(num_steps)
  dense = {player.name: dense_cost(player.network, networks[player.name]) for player in gan.players}
  return Ledger(
      networks, training, num_steps * convention.step(dense, gan), convention.image(networks['generator']),
      convention.image(dense['generator']), not any(method.across_layers for method in trainer.methods.values()))


def _zeros(next_creator, shape=None, dtype=None, initial_value=None, **kwargs):
  """Nobody looks at the weights, and to draw orthogonal ones takes long."""
  if shape is not None:
    initial_value = functools.partial(tf.zeros, shape, dtype)
  return next_creator(shape=shape, dtype=dtype, initial_value=initial_value, **kwargs)
