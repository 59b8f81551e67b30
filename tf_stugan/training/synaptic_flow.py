"""Computes what a network lets through with every weight counted as positive (SynFlow, Tanaka et al., 2020).

https://arxiv.org/abs/2006.05467. R is the sum of the outputs of the network for an input of ones, with |w| in the place
of each weight w: the sum of the products of weights along all paths. |w dR/d|w|| is what R loses without the weight. It
needs neither data nor a loss.
"""

from collections.abc import Sequence

import tensorflow as tf

from tf_stugan import compat
from tf_stugan.compat import keras
from tf_stugan.layers import normalization
from tf_stugan.layers import spectral_norm

_SMALL = 1e-6  # what is put out, at the most: there, tanh is the identity to float32
_PASSES = 3  # forwards that look for such an input; one does where nothing saturates


def gradients(network: keras.Model, inputs: Sequence[tf.Tensor], weights: Sequence[tf.Variable]) -> list[tf.Tensor]:
  """Returns dR/d|w|, up to a factor that all weights share; the network's variables are as before afterwards.

  Biases and offsets are left out, normalizations only scale, and spectral norm does nothing. Then the network is positively
  homogeneous, and the input can be so small that a tanh at the end does not saturate.

  Args:
    network: a network that computes in float32.
    inputs: ones [1, ...], and labels [1].
    weights: the weights w.

  Returns:
    float32 tensors of the weights' shapes, >= 0.
  """
  variables = [v for v in network.variables if v.dtype.is_floating]
  before = [tf.convert_to_tensor(v) for v in variables]
  for variable, value in zip(variables, before, strict=True):
    compat.assign(variable, _positive(variable.name, value))
  ones, labels = inputs
  with spectral_norm.switched_off(), normalization.scaling_only():
    scale = tf.constant(1e-20)
    for _ in range(_PASSES):
      largest = tf.reduce_max(tf.abs(network(scale * ones, labels, training=False)))
      scale *= _SMALL / tf.maximum(largest, 1e-30)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(weights)
      flow = tf.reduce_sum(network(scale * ones, labels, training=False))
    result = tape.gradient(flow, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
  with tf.control_dependencies(result):
    for variable, value in zip(variables, before, strict=True):
      compat.assign(variable, value)
  return result


def _positive(name, value):
  """Returns |value|, but 0 for what is added and 1 for what is divided by; a conditional offset has a layer, `bias`."""
  *layers, last = name.split(':')[0].split('/')
  if last in ('bias', 'beta', 'moving_mean') or layers[-1:] == ['bias']:
    return tf.zeros_like(value)
  return tf.ones_like(value) if last == 'moving_variance' else tf.abs(value)
