"""Traces where the time of a step goes."""

import logging
import pathlib

import tensorflow as tf

from tf_stugan.training.hooks import Hook
from tf_stugan.training.hooks import NEVER

_LOG = logging.getLogger(__name__)

_FIRST_CALL = 3  # the ones before trace graphs
_CALLS = 3


class Profile(Hook):
  """Writes a trace of a few calls of the training step, once its graphs have been traced, for TensorBoard's profiler.

  Args:
    folder: the folder of the trace.
  """

  def __init__(self, folder: pathlib.Path):
    super().__init__(NEVER)
    self.folder = folder
    self.calls = 0
    self.active = False

  def after_call(self, trainer, step):
    self.calls += 1
    if self.calls == _FIRST_CALL:
      tf.profiler.experimental.start(str(self.folder))
      self.active = True
    elif self.calls == _FIRST_CALL + _CALLS:
      self._stop()

  def __call__(self, trainer, step):
    if self.calls < _FIRST_CALL:
      _LOG.warning('No trace was written: the run came to its end before its graphs had settled.')

  def end(self):
    self._stop()

  def _stop(self):
    if self.active:
      self.active = False
      tf.profiler.experimental.stop()
      _LOG.info('Trace of the training step: %s (tensorboard --logdir=%s, tab Profile).', self.folder, self.folder)
