"""What is done with an experiment: trained once, or pruned and trained again, or ..."""

import abc
from collections.abc import Callable, Mapping, Sequence
import logging
import pathlib
from typing import NamedTuple

from tf_stugan import errors
from tf_stugan.data.domains import check_alike
from tf_stugan.data.images import Images
from tf_stugan.data.images import ImageSource
from tf_stugan.gans.gan import GAN
from tf_stugan.training import strategies
from tf_stugan.training.evaluation import Evaluator
from tf_stugan.training.hooks import Hook
from tf_stugan.training.run_log import Log
from tf_stugan.training.saved_steps import list_checkpoints
from tf_stugan.training.saved_steps import newest_step
from tf_stugan.training.trainer import Trainer
from tf_stugan.training.workdir import Workdir

_LOG = logging.getLogger(__name__)


class Run(NamedTuple):
  """An experiment on its way: its trainer is built, its data are read, its extractor is ready."""

  workdir: Workdir
  data: Mapping[str, Images]
  trainer: Trainer
  evaluator: Evaluator | None
  originals: Mapping[str, Images] = {}  # images that are translated, by domain; empty where nothing is
  hooks: tuple[Hook, ...] = ()  # beside those that the procedure brings
  overview: Callable[[Log, int], None] | None = None  # writes what is known before the first step; (log, step)


class Stage(NamedTuple):
  """One run of a procedure, with a workdir of its own.

  Attributes:
    name: of its folder below the workdir of the procedure; empty for that workdir itself, which the last stage may have.
    num_steps: the step at which it ends.
    make_trainer: makes its trainer.
    begin: takes over what earlier stages left, where the stage has no checkpoint of its own: (run, its cost hook, folder of
      the procedure). None begins with random weights.
    decided: returns the macros of this stage's own configuration that the stages before it have decided, by name; takes
      the folder of the procedure, or None before anything is there. They hold while its trainer is made. None where
      nothing is decided.
    first_step: the step whose state it begins with; those before it were done in another stage.
    operations_before: returns the operations of all training that it needs and does not do itself, NaN where nobody says it;
      takes the folder of the procedure. None needs nothing that is counted.
    needed_by: names of the stages that begin from its end; where one has begun, it is not trained further.
  """

  name: str
  num_steps: int
  make_trainer: Callable[[], Trainer]
  begin: Callable[[Run, Hook, pathlib.Path], None] | None = None
  decided: Callable[[pathlib.Path | None], Mapping[str, object]] | None = None
  first_step: int = 0
  operations_before: Callable[[pathlib.Path], float] | None = None
  needed_by: Sequence[str] = ()

  def refuse_to_go_further(self, folder: pathlib.Path) -> None:
    """Raises UserError where stages began from what this one was before it has come to its end.

    Args:
      folder: of the procedure.
    """
    step = newest_step(folder / self.name / 'checkpoints')
    begun = [name for name in self.needed_by if list_checkpoints(folder / name / 'checkpoints')]
    if begun and step < self.num_steps:
      raise errors.UserError(f'{folder / begun[0]} began from what {self.name} was at step {step}; to go on to step '
                             f'{self.num_steps} would leave it behind. Take another --workdir.')


class Procedure(abc.ABC):
  """What is done with an experiment: one stage, or several, one after the other.

  Attributes:
    num_steps: the last step of the last stage.
  """

  num_steps: int

  def check(self, trainer: Trainer, stage: Stage) -> None:  # noqa: B027  (many need no check)
    """Raises UserError where the trainer of a stage, which need not be built, cannot be taken to its end."""

  def prepare(self, data: Mapping[str, Images], data_dir: str | None, cache_dir: pathlib.Path) -> None:  # noqa: B027
    """Gets ready what some stage needs beside variables, before any stage begins.

    Args:
      data: real images, by domain.
      data_dir: where data sets lie, as the flag says it.
      cache_dir: where what is trained or downloaded for it is kept.

    Raises:
      UserError: it cannot be had.
    """

  @abc.abstractmethod
  def stages(self, make_trainer: Callable[..., Trainer]) -> Sequence[Stage]:
    """Lists the stages in their order.

    Args:
      make_trainer: makes the configured trainer; keyword arguments take the place of what is configured.
    """

  def choose(self, stages: Sequence[Stage], numbers: Sequence[int], folder: pathlib.Path) -> Sequence[Stage]:
    """Returns those of the stages that `--rounds` means, in their order.

    Args:
      stages: as `stages` lists them.
      numbers: of rounds.
      folder: of the procedure.

    Raises:
      UserError: there are no such rounds, or they cannot be trained without others.
    """
    raise errors.UserError(f'--rounds: {type(self).__name__} has no rounds.')

  @abc.abstractmethod
  def run(self, run: Run, stage: Stage, folder: pathlib.Path) -> None:
    """Takes one stage from its last checkpoint, if there is one, to its end.

    Args:
      run: of the stage.
      stage: one of `stages`.
      folder: of the procedure.

    Raises:
      UserError: it cannot go on.
    """


def check_start(name: str, start: Mapping[str, str], gan: GAN) -> None:
  """Raises UserError, with the name of the argument, unless it says of every role of a game what it begins with."""
  roles = {player.role for player in gan.players}
  if roles != set(start):
    raise errors.UserError(
        f'{name} is for {", ".join(sorted(start))}; the roles of this game are {", ".join(sorted(roles))}.')


class Experiment:
  """The root of a configuration: everything that gin decides.

  Args:
    data: what to learn, by domain.
    trainer: makes the trainer: who learns it, and how.
    evaluator: how well it was learned; None for a run without scores.
    procedure: what is done.
    stage: name of the one stage that this is about; empty for the last one.
  """

  def __init__(self, data: Mapping[str, ImageSource], trainer: Callable[..., Trainer], evaluator: Evaluator | None,
               procedure: Procedure, stage: str = ''):
    self.data = data
    self.evaluator = evaluator
    self.procedure = procedure
    self.stage = stage
    self._make_trainer = trainer

  def stages(self) -> Sequence[Stage]:
    """Lists the stages of the procedure."""
    return self.procedure.stages(self._make_trainer)

  def find_stage(self) -> Stage:
    """Returns the stage that this is about."""
    stages = self.stages()
    found = [stage for stage in stages if stage.name == self.stage] if self.stage else stages[-1:]
    if not found:
      raise errors.UserError(f'{type(self.procedure).__name__} has no stage {self.stage!r}.')
    return found[0]

  def make_trainer(self) -> Trainer:
    """Makes the trainer of the stage that this is about."""
    return self.find_stage().make_trainer()

  def load_data(self, data_dir: str | None) -> dict[str, Images]:
    """Reads every domain."""
    return {domain: source.load(data_dir) for domain, source in self.data.items()}

  def load_originals(self, gan: GAN, data_dir: str | None) -> dict[str, Images]:
    """Reads the test images of the domains that a game translates from.

    A run without scores does without them: training images are shown there.

    Raises:
      DataError: there are none, and they are to be scored.
    """
    sources = dict.fromkeys(output.source for output in gan.outputs.values() if output.source)
    return {domain: self._load_test_images(domain, data_dir) for domain in sources}

  def _load_test_images(self, domain, data_dir):
    try:
      return self.data[domain].test_source().load(data_dir)
    except errors.DataError as error:
      if self.evaluator:
        raise
      _LOG.warning('%s Samples of domain %s are made of training images.', error, domain)
      return self.data[domain].load(data_dir)

  def build(self, trainer: Trainer, data_dir: str | None = None) -> dict[str, Images]:
    """Reads the data, and creates the variables of a trainer for them.

    Raises:
      UserError: the game is played on other data.
    """
    data = self.load_data(data_dir)
    self.check_data(trainer, data)
    with trainer.strategy.scope():
      trainer.build(trainer.shapes_shown({domain: images.image_shape for domain, images in data.items()}))
    return data

  def check_data(self, trainer: Trainer, data: Mapping[str, Images]) -> None:
    """Raises UserError where the game of a trainer, which need not be built, is played on other data."""
    if set(trainer.gan.domains) != set(data):
      raise errors.UserError(f'This game is played on {", ".join(trainer.gan.domains)}; the data are {", ".join(data)}.')
    _check_classes(data, trainer.gan.num_classes)
    check_alike(data)

  def prepare(self, trainer: Trainer, workdir: Workdir, data_dir: str | None, cache_dir: pathlib.Path) -> Run:
    """Reads the data, makes every variable and the feature extractor: what is missing shows here, before step 0."""
    data = self.build(trainer, data_dir)
    trainer.check_data(data)
    self.procedure.prepare(data, data_dir, cache_dir)
    originals = self.load_originals(trainer.gan, data_dir)
    if self.evaluator and strategies.is_chief(trainer.strategy):  # no other worker scores, or writes into the cache
      self.evaluator.prepare(data, trainer.gan.outputs, cache_dir, originals, data_dir)
    return Run(workdir, data, trainer, self.evaluator, originals)


def _check_classes(data, num_classes):
  for images in data.values():
    if num_classes and images.num_classes != num_classes:
      raise errors.DataError(
          f'{images.name} has {images.num_classes} classes, the networks know {num_classes}; set NUM_CLASSES, or take an '
          'unconditional model.')
