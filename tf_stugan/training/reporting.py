"""Hooks that tell, show, score and save."""

from collections.abc import Callable, Mapping
import contextlib
import importlib
import json
import logging
import math
import time

import numpy as np
from PIL import Image
from PIL import PngImagePlugin
import tensorflow as tf

from tf_stugan import errors
from tf_stugan import faults
from tf_stugan.data import images as images_lib
from tf_stugan.metrics.cost import dense_cost
from tf_stugan.metrics.cost import Measured
from tf_stugan.metrics.cost import network_cost
from tf_stugan.metrics import score as score_lib
from tf_stugan.training import checkpoints
from tf_stugan.training import evaluation
from tf_stugan.training import strategies
from tf_stugan.training.evaluation import Evaluator
from tf_stugan.training.hooks import Hook
from tf_stugan.training.hooks import Phase
from tf_stugan.training.workdir import Workdir

_LOG = logging.getLogger(__name__)


class Log:
  """Where numbers go: rows of metrics.jsonl, and TensorBoard.

  Rows hold only what a resumed run repeats bit for bit; wall-clock figures go to TensorBoard and to the progress line.
  With `writes` False nothing is written: every worker computes what one of them writes. A run goes on without what cannot
  be written, and without TensorBoard where that is not installed.
  """

  def __init__(self, workdir: Workdir, writes: bool = True):
    self._path = workdir.metrics
    self._writes = writes
    self._writer = None
    if writes:
      with self._to_tensorboard():
        importlib.import_module('tensorboard.summary.v2')  # which tf.summary asks for when it is called
        self._writer = tf.summary.create_file_writer(str(workdir.events))

  def row(self, kind: str, step: int, values: Mapping[str, object]) -> None:
    if not self._writes:
      return
    try:
      with open(self._path, 'a') as file:
        file.write(json.dumps({'kind': kind, 'step': step, **values}) + '\n')
    except OSError as error:
      _LOG.warning('The %s row of step %d could not be written: %s', kind, step, error)
    faults.reached('row', step)

  def tensorboard(self, step: int, scalars: Mapping[str, float]) -> None:
    if self._writer:
      with self._to_tensorboard(), self._writer.as_default(step=step):
        for name, value in scalars.items():
          tf.summary.scalar(name, value)

  def image(self, step: int, name: str, image: np.ndarray) -> None:
    """Writes a uint8 image [H, W, 1 or 3], for TensorBoard."""
    if self._writer:
      with self._to_tensorboard(), self._writer.as_default(step=step):
        tf.summary.image(name, image[None])

  def text(self, step: int, name: str, text: str) -> None:
    """Writes Markdown, for TensorBoard."""
    if self._writer:
      with self._to_tensorboard(), self._writer.as_default(step=step):
        tf.summary.text(name, text)

  def settings(self, values: Mapping[str, bool | float | str]) -> None:
    """Writes what this run was set to, for the page of TensorBoard that compares runs by it (HParams)."""
    if self._writer:
      with self._to_tensorboard(), self._writer.as_default():
        hparams = importlib.import_module('tensorboard.plugins.hparams.api')
        hparams.hparams(values)

  @contextlib.contextmanager
  def _to_tensorboard(self):
    """Gives it up, and says so, where it fails: not installed, a disk that is full ..."""
    try:
      yield
    except (ImportError, tf.errors.OpError) as error:
      _LOG.warning('From here on nothing goes to TensorBoard: %s', errors.first_line(error))
      self._writer = None


class Report(Hook):
  """Means of the losses, densities and exploration rates since the last report."""

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
    self._log.row('train', step, scalars)
    rate = (step - self._step) * self._images_per_step / max(time.monotonic() - self._since, 1e-9)
    self._since, self._step = time.monotonic(), step
    self._log.tensorboard(step, {**scalars, 'images_per_second': rate})


class Samples(Hook):
  """A sheet of every output of the game: a PNG, and an image in TensorBoard.

  With `batch_statistics`, as the scores may have it, BatchNorm uses those of the sheet.
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
      self._write(step, name, image_grid(images_lib.to_uint8(sheet.images), sheet.columns), path, text)

  def _write(self, step, name, grid, path, text):
    try:
      self._folder.mkdir(exist_ok=True)
      save_png(grid, path, text)
    except OSError as error:
      _LOG.warning('The samples of step %d could not be written: %s', step, error)
    self._log.image(step, f'samples/{name}', grid)


class Evaluate(Hook):
  """Scores of what the game makes; remembers the best of the first score.

  Once `stopped`, scores are left to whoever goes on with the run: a stop should not have to wait for 50,000 images.
  """

  phase = Phase.MEASURE

  def __init__(self, interval: int, evaluator: Evaluator, log: Log, stopped: Callable[[], bool] = lambda: False):
    super().__init__(interval)
    self._evaluator = evaluator
    self._log = log
    self._stopped = stopped
    self.last = {}

  def begin(self, trainer, step, num_steps):
    if trainer.host_state.pending_evaluation:
      self(trainer, step)
      if trainer.host_state.pending_evaluation:
        raise errors.Interrupted(f'Stopped while scoring step {step}, as asked. The same command goes on from there.')

  def __call__(self, trainer, step):
    start = time.monotonic()
    try:
      self.last = self._evaluator.evaluate(trainer.gan.outputs, self._stopped)
      trainer.host_state.pending_evaluation = False
    except errors.Interrupted:
      trainer.host_state.pending_evaluation = True
      return
    finally:
      trainer.host_state.evaluation_seconds += time.monotonic() - start
    settled = all(method.is_settled(step) for method in trainer.methods.values())
    details = evaluation.details(self.last)
    self._log.row('evaluation', step, {**self.last, 'settled': settled, 'protocol': self._evaluator.protocol(), **details})
    self._log.tensorboard(step, self.last)
    if not settled:  # a network that is still to be pruned is not what this run is about
      return
    best = trainer.host_state.best
    for name, direction in list(details.get('better', {}).items())[:1]:
      if name not in best or score_lib.is_better(self.last[name], best[name][0], direction):
        best.clear()  # of another score, too, which came first before the configuration was changed
        best[name] = [float(self.last[name]), step]


class Cost(Hook):
  """What each player's network costs with its present masks, and a training step with both.

  There is a row at step 0, at every multiple of `interval` and after every mask update, so that the cost of the whole run
  can be added up from them; they also say how dense each layer is, and how much of it has been explored.

  Attributes:
    before: operations of all training that this run needs and does not do itself; NaN where nobody says it. The row of step
      0 has them.
  """

  def __init__(self, interval: int, log: Log):
    super().__init__(interval)
    self.before = math.nan
    self._log = log
    self._written = None  # the step of the last row

  def begin(self, trainer, step, num_steps):
    if step == 0:
      self(trainer, step)

  def after_call(self, trainer, step):
    if any(method.is_update_step(step) for method in trainer.methods.values()):
      self(trainer, step)

  def __call__(self, trainer, step):
    if step != self._written:
      needed = {} if step or math.isnan(self.before) else {'operations_before': self.before}
      self._log.row('cost', step, {**self._values(trainer), **needed})
      self._written = step

  def _values(self, trainer):
    costs = {name: network_cost(side.player.network, side.masked) for name, side in trainer.sides.items()}
    dense = {name: dense_cost(trainer.sides[name].player.network, cost) for name, cost in costs.items()}
    values = {'method': trainer.label}
    for name, cost in costs.items():
      method = trainer.sides[name].method
      values |= {
          f'{name}/parameters': cost.parameters, f'{name}/kept_parameters': cost.kept_parameters,
          f'{name}/masked_parameters': cost.masked_parameters,
          f'{name}/dense_multiply_adds': dense[name].dense_multiply_adds, f'{name}/multiply_adds': cost.multiply_adds,
          f'{name}/method': type(method).__name__ if method else 'dense',
          f'{name}/layer_densities': {layer.name: round(layer.density, 6) for layer in cost.layers if layer.masked}}
      if exploration := trainer.sides[name].exploration:
        rates = exploration.rates()
        values[f'{name}/layer_exploration'] = {layer: round(rate, 6) for layer, rate in rates.items()}
    return {**values, 'step_operations': Measured().step(costs, trainer.gan),
            'dense_step_operations': Measured().step(dense, trainer.gan)}


class Checkpoint(Hook):
  """Saves at its interval and where a score is the best so far; and once the scores are there that a stop had put off."""

  phase = Phase.SAVE  # what other hooks noted at this step is saved with it
  everywhere = True  # all workers look whether the state may be saved; the chief saves it

  def __init__(self, interval: int, workdir: Workdir, keep: int = 2, milestones: int = 0, scores_pending: bool = False):
    super().__init__(interval)
    self._scores_pending = scores_pending
    self._workdir = workdir
    self._attachments = (workdir.config, workdir.operative_config, workdir.data)
    self._keep = keep
    self._milestones = milestones
    self._saved = None  # the step of the last one

  def begin(self, trainer, step, num_steps):
    if self._scores_pending:
      self(trainer, step)

  def after_call(self, trainer, step):
    if any(best == step for _, best in trainer.host_state.best.values()):
      # Only the chief knows scores. All look whether the state may be saved, and stop if not, at the next interval.
      with contextlib.suppress(errors.DivergedError):
        self(trainer, step)

  def __call__(self, trainer, step):
    if step == self._saved:
      return
    trainer.check_state()
    self._saved = step
    if strategies.is_chief(trainer.strategy):
      self._workdir.sync_rows()  # a checkpoint without the rows before it would never get them back
      checkpoints.save(trainer, self._workdir.checkpoints, self._keep, self._milestones, self._attachments)


class Milestone(Hook):
  """Saves at the steps whose checkpoints stay, be they multiples of the other interval or not."""

  phase = Phase.SAVE
  everywhere = True

  def __init__(self, interval: int, checkpoint: Checkpoint):
    super().__init__(interval)
    self._checkpoint = checkpoint

  def __call__(self, trainer, step):
    self._checkpoint(trainer, step)


def image_grid(images: np.ndarray, columns: int | None = None, margin: int = 1) -> np.ndarray:
  """Puts many images into one: uint8 [N, H, W, C] -> [rows * (H + 2 margin), columns * (W + 2 margin), C].

  Nearly square where `columns` is not given; margins and empty places are black.
  """
  images = np.pad(images, [(0, 0), (margin, margin), (margin, margin), (0, 0)])
  n, h, w, c = images.shape
  columns = columns or int(np.ceil(np.sqrt(n)))
  rows = -(-n // columns)
  padded = np.zeros([rows * columns, h, w, c], np.uint8)
  padded[:n] = images
  return padded.reshape(rows, columns, h, w, c).transpose(0, 2, 1, 3, 4).reshape(rows * h, columns * w, c)


def save_png(image: np.ndarray, path, text: Mapping[str, object]) -> None:
  """Writes a uint8 image [H, W, 1 or 3] to a path or a file, and text chunks that say what it shows; those of None are left
  out."""
  chunks = PngImagePlugin.PngInfo()
  for key, value in text.items():
    if value is not None:
      chunks.add_text(key, str(value))
  Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(path, 'PNG', pnginfo=chunks)
