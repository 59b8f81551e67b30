"""Faults on request, for tests of what a run survives. Nothing happens unless TF_STUGAN_FAULT names a point.

  save:after_data        the process is killed (SIGKILL) when it comes to this point for the first time
  save:after_data@8      ... when it comes there at step 8
  nan:generator_loss@7   this loss is NaN at step 7

Points: step (between two calls of the graph, before the hooks), save:begin, save:after_data, save:before_rename,
save:after_rename (before older checkpoints go), row (a row of metrics was written), nan:TURN_loss.
"""

import os
import signal

import tensorflow as tf

_VARIABLE = 'TF_STUGAN_FAULT'


def reached(point: str, step: int) -> None:
  """Kills this process if it was to be killed here."""
  if _named() in (point, f'{point}@{step}'):
    os.kill(os.getpid(), signal.SIGKILL)


def poisoned(value: tf.Tensor, name: str, step: tf.Tensor) -> tf.Tensor:
  """Returns `value`, or NaN, with all that is computed from it, if the fault nan:NAME@STEP is asked for. In the graph."""
  fault, _, at = _named().partition('@')
  if fault != f'nan:{name}':
    return value
  return value * tf.where(step == int(at), tf.constant(float('nan'), value.dtype), tf.ones([], value.dtype))


def _named():
  return os.environ.get(_VARIABLE, '')
