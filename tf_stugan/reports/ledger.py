"""What a run will cost, told from its configuration: no training, no data, no masks drawn."""

from collections.abc import Iterable, Mapping
import functools
import itertools
from typing import NamedTuple

import tensorflow as tf

from tf_stugan import configuration
from tf_stugan.metrics.cost import Convention
from tf_stugan.metrics.cost import dense_cost
from tf_stugan.metrics.cost import network_cost
from tf_stugan.metrics.cost import NetworkCost
from tf_stugan.training.trainer import Trainer


class Ledger(NamedTuple):
  """Costs of a run.

  Attributes:
    num_steps: how many steps it does.
    networks: by player, at the end of the run.
    dense_networks: what they are compared with: the same with every weight and, where they are narrower, of full width.
    training: operations of all its steps.
    dense_training: the same of a dense run from step 0 on.
    computed: operations of all its steps where masked weights are multiplied like others, as in training on any hardware of
      today.
    images: operations of making one image, by output.
    dense_images: the same of the dense run.
    exact: False where a ranking across layers decides what each layer keeps; only `report`, on a finished run, tells the
      true cost then.
  """

  num_steps: int
  networks: Mapping[str, NetworkCost]
  dense_networks: Mapping[str, NetworkCost]
  training: float
  dense_training: float
  computed: float
  images: Mapping[str, float]
  dense_images: Mapping[str, float]
  exact: bool


def ledger(trainer: Trainer, num_steps: int, convention: Convention, first_step: int = 0) -> Ledger:
  """Adds up a run to step `num_steps` from the expected densities of its layers.

  Args:
    trainer: not built; its networks are built here, without drawing weights.
    num_steps: the step at which it ends.
    convention: what counts.
    first_step: the step at which it begins.

  Raises:
    UserError: the convention was never published for such a game.
  """
  gan = trainer.gan
  convention.check(gan)
  costs = _costs_on_paper(gan)
  shapes = {player.name: {v.name: tuple(v.weight.shape) for v in trainer.layers(player.network)} for player in gan.players
            if player.name in trainer.methods}

  def at(step):
    return {name: cost.with_densities(trainer.methods[name].expected_densities(shapes[name], step))
            if name in trainer.methods else cost for name, cost in costs.items()}
  changes = sorted({first_step}.union(*(
      (step for step in method.density_steps() if first_step < step < num_steps) for method in trainer.methods.values())))
  pruned = not all(method.is_settled(0) for method in trainer.methods.values())
  training = sum(
      (end - start) * convention.step(at(start), gan, pruned)
      for start, end in zip(changes, [*changes[1:], num_steps], strict=True))
  networks = at(num_steps)
  dense = {player.name: dense_cost(player.network, networks[player.name]) for player in gan.players}

  def image_costs(costs):
    return {name: convention.image(costs[output.player]) for name, output in gan.outputs.items()}
  exact = not any(method.across_layers for method in trainer.methods.values())
  return Ledger(num_steps - first_step, networks, dense, training, num_steps * convention.dense_step(dense, gan),
                (num_steps - first_step) * convention.step(costs, gan), image_costs(networks), image_costs(dense), exact)


def make_ledgers(stages: Iterable, convention: Convention) -> dict[str, Ledger]:
  """Returns what each stage of the configured experiment will cost, by its name; not exact where stages before it decide.

  Args:
    stages: each a `Stage` of the configured experiment.
    convention: what counts.

  Raises:
    UserError: as `ledger`.
  """
  result = {}
  for stage in stages:  # whose networks are not held all at once
    found = ledger(configuration.make_trainer(stage), stage.num_steps, convention, stage.first_step)
    result[stage.name] = found._replace(exact=found.exact and not is_undecided(stage))
  return result


def is_undecided(stage) -> bool:
  """Tells whether a stage has a configuration that those before it are still to decide."""
  return bool(stage.decided and not all(stage.decided(None).values()))


def sum_ledgers(stages: Mapping[str, Ledger]) -> Ledger:
  """Returns the ledger of the last stage with the steps and operations of all.

  A last stage without a name lies where the procedure does, and counts those before itself. What all cost is to be compared
  with one dense run, that of the last stage.
  """
  *_, (name, last) = stages.items()
  if not name:
    return last
  found = stages.values()
  return last._replace(
      num_steps=sum(each.num_steps for each in found), training=sum(each.training for each in found),
      computed=sum(each.computed for each in found), exact=all(each.exact for each in found))


def spent(trainer: Trainer, densities: Mapping[int, Mapping[str, Mapping[str, float]]], num_steps: int,
          convention: Convention) -> tuple[float, float]:
  """Adds up a run from the densities that its layers had.

  Args:
    trainer: as in `ledger`.
    densities: at step 0 and wherever masks changed, by step: {player: {masked layer: its density}}.
    num_steps: length of the run.
    convention: what counts.

  Returns:
    Operations of all its steps, and those of the dense run.
  """
  gan = trainer.gan
  costs = _costs_on_paper(gan)
  pruned = not all(method.is_settled(0) for method in trainer.methods.values())
  operations = sum(
      (end - start) * convention.step(
          {name: cost.with_densities(densities[start].get(name, {})) for name, cost in costs.items()}, gan, pruned)
      for start, end in itertools.pairwise([*sorted(densities), num_steps]))
  dense = {player.name: dense_cost(player.network, costs[player.name]) for player in gan.players}
  return operations, num_steps * convention.dense_step(dense, gan)


def _costs_on_paper(gan):
  with tf.variable_creator_scope(_zeros):
    gan.build()
  return {player.name: network_cost(player.network) for player in gan.players}


def _zeros(next_creator, shape=None, dtype=None, initial_value=None, **kwargs):
  """Makes weights of zeros: nobody looks at them, and to draw orthogonal ones takes long."""
  if shape is not None:
    initial_value = functools.partial(tf.zeros, shape, dtype)
  return next_creator(shape=shape, dtype=dtype, initial_value=initial_value, **kwargs)
