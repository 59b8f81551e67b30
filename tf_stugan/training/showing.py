"""Hooks that show how training goes: means of what steps report, and pictures."""

from collections.abc import Mapping
import logging
import time

import numpy as np

from tf_stugan.data import images as images_lib
from tf_stugan.data import pictures
from tf_stugan.training.hooks import Hook
from tf_stugan.training.run_log import Log
from tf_stugan.training.workdir import Workdir

_LOG = logging.getLogger(__name__)


class LogMeans(Hook):
  """Logs means of the losses, densities and exploration rates since the last time."""

  everywhere = True  # it starts the means anew

  def __init__(self, interval: int, log: Log):
    super().__init__(interval)
    self._log = log

  def begin(self, trainer, step, num_steps):
    self._images_per_step = trainer.images_per_step
    self._since = time.monotonic()
    self._step = step

  def __call__(self, trainer, step):
    scalars = trainer.scalars()
    trainer.means.reset()
    self._log.write_row('train', step, scalars)
    rate = (step - self._step) * self._images_per_step / max(time.monotonic() - self._since, 1e-9)
    self._since, self._step = time.monotonic(), step
    self._log.write_scalars(step, {**scalars, 'images_per_second': rate})


class Samples(Hook):
  """Writes a sheet of every output of the game: as a PNG, and as an image in TensorBoard.

  With `batch_statistics`, which the scores may use, BatchNorm takes the statistics of the sheet.
  """

  def __init__(self, interval: int, workdir: Workdir, log: Log, originals: Mapping[str, images_lib.Images], count: int = 64,
               batch_statistics: bool = False):
    super().__init__(interval)
    self._batch_statistics = batch_statistics
    self._folder = workdir.samples
    self._log = log
    self._originals = originals
    self._count = count

  def __call__(self, trainer, step):
    outputs = trainer.gan.outputs
    for name, output in outputs.items():
      numbers = np.arange(self._count if not output.source else self._count // 4)
      inputs = output.inputs(numbers, self._originals.get(output.source))
      sheet = output.sheet(outputs, inputs, self._batch_statistics)
      text = {'step': step, 'output': name, 'weights': output.weights, 'numbers': f'0-{len(numbers) - 1}',
              'statistics': 'batch' if self._batch_statistics else 'running', 'truncation': 'none'}
      path = self._folder / f'step-{step:08d}{"" if len(outputs) == 1 else "-" + name}.png'
      self._write(step, name, pictures.make_grid(images_lib.to_uint8(sheet.images), sheet.columns), path, text)

  def _write(self, step, name, grid, path, text):
    try:
      self._folder.mkdir(exist_ok=True)
      pictures.save_png(grid, path, text)
    except OSError as error:
      _LOG.warning('The samples of step %d could not be written: %s', step, error)
    self._log.write_image(step, f'samples/{name}', grid)
