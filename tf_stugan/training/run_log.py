"""Writes the numbers of a run: rows of metrics.jsonl, and TensorBoard."""

from collections.abc import Mapping
import contextlib
import importlib
import logging

import numpy as np
import tensorflow as tf

from tf_stugan import errors
from tf_stugan import faults
from tf_stugan.training import row_files
from tf_stugan.training.workdir import Workdir

_LOG = logging.getLogger(__name__)


class Log:
  """Writes what hooks have found.

  Rows hold only what a resumed run repeats bit for bit; wall-clock figures go to TensorBoard and to the progress line.
  With `writes` False nothing is written: every worker computes what only one of them writes. A run goes on if TensorBoard
  is not installed, or its files cannot be written.
  """

  def __init__(self, workdir: Workdir, writes: bool = True):
    self._path = workdir.metrics
    self._writes = writes
    self._writer = None
    if writes:
      with self._to_tensorboard():
        importlib.import_module('tensorboard.summary.v2')  # which tf.summary asks for when it is called
        self._writer = tf.summary.create_file_writer(str(workdir.events))

  def write_row(self, kind: str, step: int, values: Mapping[str, object]) -> None:
    """Appends a row to metrics.jsonl: its kind, its step and the values."""
    if not self._writes:
      return
    try:
      row_files.append(self._path, {'kind': kind, 'step': step, **values})
    except OSError as error:
      _LOG.warning('The %s row of step %d could not be written: %s', kind, step, error)
    faults.reached('row', step)

  def write_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
    """Writes numbers by name, for TensorBoard."""
    if self._writer:
      with self._to_tensorboard(), self._writer.as_default(step=step):
        for name, value in scalars.items():
          tf.summary.scalar(name, value)

  def write_image(self, step: int, name: str, image: np.ndarray) -> None:
    """Writes a uint8 image [H, W, 1 or 3], for TensorBoard."""
    if self._writer:
      with self._to_tensorboard(), self._writer.as_default(step=step):
        tf.summary.image(name, image[None])

  def write_text(self, step: int, name: str, text: str) -> None:
    """Writes Markdown, for TensorBoard."""
    if self._writer:
      with self._to_tensorboard(), self._writer.as_default(step=step):
        tf.summary.text(name, text)

  def write_settings(self, values: Mapping[str, bool | float | str]) -> None:
    """Writes the settings of this run, by which the HParams page of TensorBoard compares runs."""
    if self._writer:
      with self._to_tensorboard(), self._writer.as_default():
        hparams = importlib.import_module('tensorboard.plugins.hparams.api')
        hparams.hparams(values)

  @contextlib.contextmanager
  def _to_tensorboard(self):
    """Gives TensorBoard up with a warning if something inside the `with` block fails."""
    try:
      yield
    except (ImportError, tf.errors.OpError) as error:
      _LOG.warning('From here on nothing goes to TensorBoard: %s', errors.first_line(error))
      self._writer = None
