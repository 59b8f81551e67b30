"""Chooses the layers of a network that carry masks."""

from collections.abc import Callable

from tf_stugan.compat import keras
from tf_stugan.layers.prunable import prunable_layers
from tf_stugan.sparsity.masks import MaskedVariable

LayerChoice = Callable[[keras.Model], list[MaskedVariable]]


def conv_only(network: keras.Model) -> list[MaskedVariable]:
  """Chooses every convolution kernel, the first and the last included: STU-GAN's choice."""
  return _masked(network, lambda kernel: kernel.shape.rank == 4)


def conv_and_dense(network: keras.Model) -> list[MaskedVariable]:
  """Chooses every convolution and dense kernel: ADAPT's choice."""
  return _masked(network, lambda kernel: True)


def _masked(network, chosen):
  """Masks the kernels that are chosen; the others get none."""
  return [MaskedVariable(path, layer.kernel, layer.create_mask())
          for path, layer in prunable_layers(network).items() if chosen(layer.kernel)]
