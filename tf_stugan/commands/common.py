"""Steps that several commands share."""

import logging
import shlex

from absl import flags

from tf_stugan import configuration
from tf_stugan import errors
from tf_stugan.gans.gan import GAN
from tf_stugan.procedures.procedure import Experiment
from tf_stugan.training import checkpoints
from tf_stugan.training.trainer import Trainer
from tf_stugan.training.workdir import Workdir

_LOG = logging.getLogger(__name__)

_MOST_TRIES = 5  # to read a checkpoint of a run that is still training


def load_gin_files(values: flags.FlagValues) -> None:
  """Reads --gin_file and --gin_param.

  Raises:
    UserError: something in a file is wrong, or one of them is of no use.
  """
  files = [configuration.find(f) for f in values.gin_file]
  configuration.load(files, values.gin_param)
  for file in files[1:]:
    configuration.check_in_use(file)
    if idle := configuration.idle_parameters(file):
      _LOG.warning('Of --gin_file=%s this experiment does not use %s: a later file has put something else in its place.',
                   file.name, ', '.join(idle))
  for binding in filter(configuration.is_idle, values.gin_param):
    _LOG.warning('--gin_param=%s: this experiment makes no use of it.', shlex.quote(binding))


def make_experiment(workdir: Workdir) -> Experiment:
  """The experiment of a run, as its own config.gin describes it."""
  configuration.load([workdir.config])
  return configuration.make_experiment()


def restore(values: flags.FlagValues) -> tuple[Workdir, GAN]:
  """The GAN of a run, see `restore_trainer`."""
  workdir, trainer = restore_trainer(values)
  return workdir, trainer.gan


def restore_trainer(values: flags.FlagValues) -> tuple[Workdir, Trainer]:
  """The trainer of a run at the chosen checkpoint; needs neither the data set nor the feature extractor.

  Raises:
    UserError: it has no such checkpoint.
  """
  workdir = Workdir(values.workdir)
  trainer = make_experiment(workdir).trainer
  trainer.build(checkpoints.image_shape(workdir.checkpoints))
  restore_chosen(trainer, workdir, values.checkpoint)
  return workdir, trainer


def restore_chosen(trainer: Trainer, workdir: Workdir, choice: str) -> int:
  """As `checkpoints.restore_chosen`, in a workdir where training may go on and remove checkpoints while they are read."""
  for _ in range(_MOST_TRIES):
    before = checkpoints.list_steps(workdir.checkpoints)
    try:
      return checkpoints.restore_chosen(trainer, workdir.checkpoints, choice)
    except (errors.UserError, OSError):
      if checkpoints.list_steps(workdir.checkpoints) == before:
        raise
  raise errors.CheckpointError(
      f'{workdir.checkpoints}: training replaces checkpoints faster than they can be read; take one that is kept '
      '(Train.keep_every, or --checkpoint=best), or wait until the run is done.')
