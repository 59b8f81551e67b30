"""The dense network that costs as much as a sparse one: narrower, without masks."""

from collections.abc import Callable, Sequence
import functools

import tensorflow as tf

from tf_stugan import errors
from tf_stugan.compat import keras
from tf_stugan.layers.prunable import prunable_layers


def narrowed(make_network: Callable[..., keras.Model], density: float, input_shape: Sequence[int],
             name: str | None = None) -> keras.Model:
  """Makes the widest network of this kind whose convolutions have at most `density` of the weights of its own width.

  Args:
    make_network: makes the network; takes `width`, and has it as an attribute.
    density: share of the convolution weights, in (0, 1].
    input_shape: of one input, without the batch; the weights are counted on a network that was built.
    name: of the network; that of its kind if not given.

  Returns:
    The network, not built. Its `full_width()` is the one it is compared with, built; a network of density 1 has none.

  Raises:
    UserError: even one channel has more weights, or the density is outside (0, 1].
  """
  errors.check_density(density)
  if name:
    make_network = functools.partial(make_network, name=name)

  if density == 1:
    return make_network()

  @functools.cache
  def full():
    return built(make_network().width)

  def built(width):
    network = make_network(width=width)
    network(tf.zeros([1, *input_shape]), tf.zeros([1], tf.int32))
    return network
  widest = make_network().width
  target = density * convolution_weights(built(widest))
  fits, too_wide = 0, widest + 1
  while too_wide - fits > 1:
    width = (fits + too_wide) // 2
    if convolution_weights(built(width)) <= target:
      fits = width
    else:
      too_wide = width
  if not fits:
    raise errors.UserError(f'No network of this kind is as small as {density} of its {widest} channels wide one.')
  network = make_network(width=fits)
  network.full_width = full  # behind a call, so that Keras does not count its variables as the network's own
  return network


def convolution_weights(network: keras.Model) -> int:
  """Counts the weights of a built network's convolution kernels: what STU-GAN's densities are shares of."""
  kernels = [layer.kernel for layer in prunable_layers(network).values()]
  return sum(kernel.shape.num_elements() for kernel in kernels if kernel.shape.rank == 4)
