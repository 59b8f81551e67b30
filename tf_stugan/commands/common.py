"""Steps that several commands share."""

from collections.abc import Iterable
from collections.abc import Sequence
import logging
import shlex

from absl import flags

from tf_stugan import configuration
from tf_stugan import errors
from tf_stugan import gin_changes
from tf_stugan.gans.gan import GAN
from tf_stugan.gans.outputs import Output
from tf_stugan.procedures.procedure import Experiment
from tf_stugan.training import checkpoints
from tf_stugan.training import checkpoint_files
from tf_stugan.training import saved_steps
from tf_stugan.training.trainer import Trainer
from tf_stugan.training.workdir import Workdir

_LOG = logging.getLogger(__name__)

_MOST_TRIES = 5  # to read a checkpoint of a run that is still training


def as_typed(arguments: Iterable[str]) -> str:
  """Writes a command line that a shell reads as these arguments: in double quotes where they have single ones."""
  return ' '.join(f'"{text}"' if "'" in text and not set(text) & set('"$`\\!') else shlex.quote(text) for text in arguments)


def load_gin_files(values: flags.FlagValues) -> None:
  """Reads --gin_file and --gin_param.

  Raises:
    UserError: something in a file is wrong, or one of them is of no use.
  """
  files = [configuration.find(f) for f in values.gin_file]
  configuration.load(files, values.gin_param, values.gin_module)
  for file in files[1:]:
    configuration.check_in_use(file)
    if idle := configuration.idle_parameters(file):
      _LOG.warning('Of --gin_file=%s this experiment does not use %s: a later file has put something else in its place.',
                   file.name, ', '.join(idle))
  for binding in filter(configuration.is_idle, values.gin_param):
    _LOG.warning('%s: this experiment makes no use of it.', as_typed([f'--gin_param={binding}']))


def make_experiment(values: flags.FlagValues, workdir: Workdir, files: Sequence[str] = (),
                    bindings: Sequence[str] = ()) -> Experiment:
  """Makes the experiment of a run, as its own config.gin describes it; with gin files and bindings on top of that.

  Raises:
    UserError: it cannot be read, or another version wrote it, or what is put on top changes what was trained.
  """
  workdir.check_format()
  modules = values.gin_module
  configuration.load([workdir.config], modules=modules)
  if files or bindings:
    trained = configuration.snapshot()
    configuration.load([workdir.config, *map(configuration.find, files)], bindings, modules)
    if decided := gin_changes.without_effect(trained, configuration.snapshot()):
      raise errors.UserError(f'--gin_file and --gin_param can change how a run is scored; these change what was trained, or '
                             f'nothing: {", ".join(decided)}.')
  return configuration.make_experiment()


def restore_trainer(values: flags.FlagValues) -> tuple[Workdir, Trainer]:
  """Makes the trainer of a run at the chosen checkpoint; needs neither the data set nor the feature extractor.

  Raises:
    UserError: it has no such checkpoint.
  """
  workdir = Workdir(values.workdir)
  trainer = configuration.build_configured(make_experiment(values, workdir).make_trainer)
  trainer.build(checkpoint_files.image_shapes(workdir.checkpoints))
  restore_chosen(trainer, workdir, values.checkpoint)
  return workdir, trainer


def choose_output(gan: GAN, values: flags.FlagValues) -> Output:
  """Returns the output of a game that --which names, or the only one.

  Raises:
    UserError: there are several, or none of this name.
  """
  names = ', '.join(gan.outputs)
  if values.which is None and len(gan.outputs) > 1:
    raise errors.UserError(f'This game makes several things; choose one by --which: {names}.')
  name = values.which or next(iter(gan.outputs))
  if name not in gan.outputs:
    raise errors.UserError(f'--which={name}: this game makes {names}.')
  return gan.outputs[name]


def restore_chosen(trainer: Trainer, workdir: Workdir, choice: str) -> int:
  """Does what `checkpoints.restore_chosen` does, in a workdir where training may go on and remove checkpoints meanwhile."""
  for _ in range(_MOST_TRIES):
    before = saved_steps.list_checkpoints(workdir.checkpoints)
    try:
      return checkpoints.restore_chosen(trainer, workdir.checkpoints, choice)
    except (errors.UserError, OSError):
      if saved_steps.list_checkpoints(workdir.checkpoints) == before:
        raise
  raise errors.CheckpointError(
      f'{workdir.checkpoints}: training replaces checkpoints faster than they can be read; take one that is kept '
      '(Train.keep_every, or --checkpoint=best), or wait until the run is done.')
