"""Networks with fewer channels than their width says: how many, which, and their weights out of those of the full width."""

from collections.abc import Callable, Mapping
import functools
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_stugan import errors
from tf_stugan.compat import keras
from tf_stugan.layers import scales
from tf_stugan.layers.prunable import Conv2DTranspose
from tf_stugan.layers.prunable import kernel_layers


class Order(NamedTuple):
  """Which channels of a layer there are, and in which order: indices into those of the full width, or None for all of them.

  Attributes:
    inputs: those that its kernel reads.
    outputs: those that it puts out; of a normalization those that it has.
  """

  inputs: np.ndarray | None
  outputs: np.ndarray | None


def make(make_network: Callable[..., keras.Model], channels: Mapping[str, int] | None,
         call: Callable[[keras.Model], object]) -> keras.Model:
  """Makes a network, with these channels if there are any.

  Args:
    make_network: makes it; takes `channels`.
    channels: as the network takes them.
    call: calls a network once, so that it is built.

  Returns:
    The network, not built. If it is narrower, its `full_width()` is the one that it is compared with, built.
  """
  if not channels:
    return make_network()

  @functools.cache
  def full_width():
    full = make_network()
    call(full)
    return full
  network = make_network(channels=channels)
  network.full_width = full_width  # behind a call, so that Keras does not count its variables as the network's own
  return network


def widths(full: Mapping[str, int], narrower: Mapping[str, int] | None) -> dict[str, int]:
  """Returns how many channels each normalization has.

  Args:
    full: how many there are at the full width.
    narrower: for some of them, how many there are to be.

  Raises:
    UserError: one is not known, or is to have none, or more than it has.
  """
  for name, count in (narrower or {}).items():
    if name not in full:
      raise errors.UserError(f'channels: there is no normalization {name!r}; there are {", ".join(sorted(full))}.')
    if not isinstance(count, int) or not 1 <= count <= full[name]:
      raise errors.UserError(f'channels: {name} has 1 to {full[name]} channels; got {count!r}.')
  return {**full, **(narrower or {})}


def living_channels(full: Mapping[str, int], values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """Finds the channels whose scale is not exactly 0; one stays where there is none, and all where there are no scales.

  Args:
    full: how many channels each normalization has.
    values: of the variables of a network of full width, by name.

  Returns:
    By normalization, ascending.
  """
  found = {norm: np.arange(count) for norm, count in full.items()}
  for name, value in values.items():
    if (norm := scales.norm_of(name)) in full:
      found[norm] = np.flatnonzero(scales.alive(name, value))
  return {norm: channels if channels.size else np.array([0]) for norm, channels in found.items()}


def put_first(channels: np.ndarray, count: int) -> np.ndarray:
  """Returns 0 .. count - 1, these first."""
  return np.concatenate([channels, np.setdiff1d(np.arange(count), channels)])


def assign(network: keras.Model, variables: Mapping[str, tf.Variable], full: Mapping[str, np.ndarray],
           kept: Mapping[str, np.ndarray]) -> None:
  """Gives a narrower network what the one of full width has for its channels.

  Spectral norm divides by the same number as there, until training moves its vectors. What has all of its channels is left
  as it is, to be taken over by name.

  Args:
    network: built, with `orders`.
    variables: of the network, by name.
    full: values of those of the full width, by name.
    kept: as `orders` takes it.
  """
  layers = kernel_layers(network)
  for path, order in network.orders(kept).items():
    for name, variable in variables.items():
      if name.startswith(f'{path}/'):
        variable.assign(_taken(full, path, name.removeprefix(f'{path}/'), order, layers.get(path)))
    for inner in layers:  # of a normalization, what makes its scales and shifts
      if f'{inner}/'.startswith(f'{path}/') and layers[inner].kernel_normalizer is not None:
        _keep_sigma(layers[inner].kernel_normalizer, variables[f'{inner}/kernel'], full, inner)


def _taken(full, path, name, order, layer):
  """Takes the channels of one variable of a layer."""
  value, (inputs, outputs) = full[f'{path}/{name}'], order
  if name == 'kernel':
    inputs, outputs = (outputs, inputs) if isinstance(layer, Conv2DTranspose) else order
    value = value if inputs is None else np.take(value, inputs, axis=-2)
  elif name.endswith('spectral_norm/v'):  # over all but the output channels
    return value if inputs is None else value.reshape(-1, full[f'{path}/kernel'].shape[-2])[:, inputs].reshape(-1)
  return value if outputs is None else np.take(value, outputs, axis=-1)


def _keep_sigma(spectral_norm, kernel, full, path):
  """Scales a vector so that the narrower kernel is divided by what that of full width is."""
  def sigma(kernel, u, v):
    return v @ kernel.reshape(-1, kernel.shape[-1]) @ u
  u = spectral_norm.u.numpy()
  narrow = sigma(kernel.numpy(), u, spectral_norm.v.numpy())
  if narrow:  # not where a first vector, at random, is orthogonal by chance
    spectral_norm.u.assign(u * sigma(*(full[f'{path}/{name}'] for name in (
        'kernel', 'spectral_norm/u', 'spectral_norm/v'))) / narrow)
