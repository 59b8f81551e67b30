"""What a network costs: parameters, and multiply-adds of one image."""

from collections.abc import Sequence
from typing import NamedTuple

from tf_stugan.compat import keras
from tf_stugan.layers.prunable import kernel_layers
from tf_stugan.sparsity import masks
from tf_stugan.sparsity.masks import MaskedVariable


class NetworkCost(NamedTuple):
  """Counts of one network; multiply-adds are those of kernels only, and of one image forward.

  Attributes:
    parameters: trainable ones, masked or not.
    kept_parameters: the same without those that a mask holds at zero.
    masked_parameters: the weights of masked kernels; a density is a share of these.
    dense_multiply_adds: with every weight.
    multiply_adds: of the weights that are kept.
  """

  parameters: int
  kept_parameters: int
  masked_parameters: int
  dense_multiply_adds: int
  multiply_adds: int


def network_cost(network: keras.Model, masked: Sequence[MaskedVariable]) -> NetworkCost:
  """Counts a built network with its present masks."""
  kept = {v.name: int(masks.nonzeros(v.mask)) for v in masked}
  parameters = sum(v.shape.num_elements() for v in network.trainable_variables)
  masked_parameters = sum(v.mask.shape.num_elements() for v in masked)
  layers = kernel_layers(network)
  return NetworkCost(
      parameters, parameters - masked_parameters + sum(kept.values()), masked_parameters,
      sum(layer.multiply_adds for layer in layers.values()),
      sum(layer.positions * kept[path] if path in kept else layer.multiply_adds for path, layer in layers.items()))
