"""How much each layer keeps of a network's budget. All functions here have the signature of `Distribution`."""

from collections.abc import Callable, Mapping
import math

from tf_stugan import errors

Shape = tuple[int, ...]
Distribution = Callable[[Mapping[str, Shape], float], dict[str, float]]


def uniform(shapes: Mapping[str, Shape], density: float) -> dict[str, float]:
  """Gives every layer the same share."""
  errors.check_density(density)
  return {name: density for name in shapes}


def erk(shapes: Mapping[str, Shape], density: float) -> dict[str, float]:
  """Gives Erdos-Renyi-Kernel densities (RigL, https://arxiv.org/abs/1911.11134): ~ (sum of dimensions) / (product).

  Args:
    shapes: kernel shapes by name, for example {'block1/conv1': (3, 3, 256, 256)}.
    density: share of all weights together, in (0, 1].

  Returns:
    The density of each layer, in (0, 1]. Layers whose share would exceed 1 are dense, those with the largest score
    first, and the rest is shared out anew.

  Raises:
    UserError: the density is outside (0, 1].
  """
  return _proportional(shapes, density, {name: sum(s) / math.prod(s) for name, s in shapes.items()})


def erdos_renyi(shapes: Mapping[str, Shape], density: float) -> dict[str, float]:
  """Gives Erdos-Renyi densities (SET, https://arxiv.org/abs/1707.04780): as `erk`, over the two channel dimensions only."""
  return _proportional(shapes, density, {name: sum(s[-2:]) / math.prod(s[-2:]) for name, s in shapes.items()})


def _proportional(shapes, density, scores):
  """Returns density_l = min(1, epsilon * score_l), with epsilon such that the kept weights sum up to the budget."""
  errors.check_density(density)
  sizes = {name: math.prod(shape) for name, shape in shapes.items()}
  dense = set()
  while len(dense) < len(shapes):
    sparse = [name for name in shapes if name not in dense]
    budget = density * sum(sizes.values()) - sum(sizes[name] for name in dense)
    epsilon = budget / sum(scores[name] * sizes[name] for name in sparse)
    largest = max(scores[name] for name in sparse)
    if epsilon * largest <= 1:
      return {name: 1.0 if name in dense else epsilon * scores[name] for name in shapes}
    dense.update(name for name in sparse if scores[name] == largest)
  return {name: 1.0 for name in shapes}
