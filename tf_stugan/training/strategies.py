"""Where a run computes."""

import functools

import tensorflow as tf

from tf_stugan import errors

NAMES = ('one_device', 'mirrored')


@functools.cache  # TensorFlow mixes up the collectives of two strategies over the same devices in one process
def make(name: str) -> tf.distribute.Strategy:
  """A strategy by name: 'one_device' leaves placement to TensorFlow, 'mirrored' takes all GPUs (or logical CPUs)."""
  if name == 'one_device':
    return tf.distribute.get_strategy()
  if name == 'mirrored':
    kind = 'GPU' if tf.config.list_logical_devices('GPU') else 'CPU'
    return tf.distribute.MirroredStrategy([device.name for device in tf.config.list_logical_devices(kind)])
  raise errors.UserError(f'--strategy={name}: there are {", ".join(NAMES)}.')
