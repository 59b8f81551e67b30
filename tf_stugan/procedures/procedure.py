"""What is done with an experiment: trained once, or pruned and trained again, or ..."""

import abc
import pathlib
from typing import NamedTuple

from tf_stugan import errors
from tf_stugan.data.images import Images
from tf_stugan.data.images import ImageSource
from tf_stugan.training import strategies
from tf_stugan.training.evaluation import Evaluator
from tf_stugan.training.hooks import Hook
from tf_stugan.training.trainer import Trainer
from tf_stugan.training.workdir import Workdir


class Run(NamedTuple):
  """An experiment on its way: its trainer is built, its data are read, its extractor is ready."""

  workdir: Workdir
  data: Images
  trainer: Trainer
  evaluator: Evaluator
  hooks: tuple[Hook, ...] = ()  # beside those that the procedure brings


class Procedure(abc.ABC):
  """Takes a run from its last checkpoint, if there is one, to its end.

  Attributes:
    num_steps: the last step, of all phases together.
  """

  num_steps: int

  def check(self, trainer: Trainer) -> None:  # noqa: B027  (many need no check)
    """Raises UserError where this trainer, which need not be built, cannot be taken to the end."""

  @abc.abstractmethod
  def run(self, run: Run) -> None:
    """Raises UserError where it cannot go on."""


class Experiment:
  """The root of a configuration: everything that gin decides.

  Args:
    data: what to learn.
    trainer: who learns it, and how.
    evaluator: how well it was learned.
    procedure: what is done.
  """

  def __init__(self, data: ImageSource, trainer: Trainer, evaluator: Evaluator, procedure: Procedure):
    self.data = data
    self.trainer = trainer
    self.evaluator = evaluator
    self.procedure = procedure

  def prepare(self, workdir: Workdir, data_dir: str | None, cache_dir: pathlib.Path) -> Run:
    """Reads the data, makes every variable and the feature extractor: what is missing shows here, before step 0."""
    self.procedure.check(self.trainer)
    data = self.data.load(data_dir)
    _check_classes(data, self.trainer.gan.num_classes)
    with self.trainer.strategy.scope():
      self.trainer.build(data.image_shape)
    self.trainer.check_data(data)
    if strategies.is_chief(self.trainer.strategy):  # no other worker scores anything, or writes into the cache
      self.evaluator.prepare(data, cache_dir)
    return Run(workdir, data, self.trainer, self.evaluator)


def _check_classes(data, num_classes):
  if num_classes and data.num_classes != num_classes:
    raise errors.DataError(
        f'{data.name} has {data.num_classes} classes, the generator makes {num_classes}; set NUM_CLASSES, or take an '
        'unconditional model.')
