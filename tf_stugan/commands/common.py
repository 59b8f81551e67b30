"""Flags and steps that several commands share."""

import importlib
import os
import pathlib
import sys
import traceback

from absl import flags
import numpy as np

from tf_stugan import configuration
from tf_stugan import errors
from tf_stugan.gans.gan import GAN
from tf_stugan.procedures.procedure import Experiment
from tf_stugan.training import checkpoints
from tf_stugan.training.trainer import Trainer
from tf_stugan.training.workdir import Workdir


_MOST_TRIES = 5  # to read a checkpoint of a run that is still training
_MOST_NUMBERS = 100_000  # in one flag


def define_workdir_flag(values: flags.FlagValues) -> None:
  """Where a run is."""
  flags.DEFINE_string('workdir', None, 'The folder of the run.', flag_values=values, required=True)


def define_trained_flags(values: flags.FlagValues) -> None:
  """A run that was trained, and which of its checkpoints."""
  define_workdir_flag(values)
  define_module_flag(values)
  flags.DEFINE_string(
      'checkpoint', 'newest', 'newest, best (lowest FID or FCD), or the step of one that was kept.', flag_values=values)


def define_data_flag(values: flags.FlagValues) -> None:
  """Where data sets are on this machine."""
  flags.DEFINE_string(
      'data_dir', os.environ.get('TFDS_DATA_DIR'),
      'Folder of data sets: TensorFlow Datasets, tiny-imagenet-200, prepared sets; ~/tensorflow_datasets if not given.',
      flag_values=values)


def define_machine_flags(values: flags.FlagValues) -> None:
  """Where data and caches are on this machine."""
  define_data_flag(values)
  cache = pathlib.Path(os.environ.get('XDG_CACHE_HOME', '~/.cache')).expanduser() / 'tf_stugan'
  flags.DEFINE_string(
      'cache_dir', str(cache), 'Folder for what can be made again: feature classifiers, features of real images.',
      flag_values=values)


def define_module_flag(values: flags.FlagValues) -> None:
  """Whose code a configuration may use."""
  flags.DEFINE_multi_string(
      'gin_module', [], 'A Python module of your own that the configuration may import, from the working folder or '
      'PYTHONPATH: my_methods for my_methods.py. Code of a run is never trusted because its files say so: name the module '
      'in every command. May be repeated.', flag_values=values)


def define_gin_flags(values: flags.FlagValues) -> None:
  """What is configured."""
  define_module_flag(values)
  flags.DEFINE_multi_string(
      'gin_file', [], 'Experiment: a path, or a name in gin_configs/experiments. May be repeated; later ones win.',
      flag_values=values)
  flags.DEFINE_multi_string(
      'gin_param', [], "One binding on top of the files: 'GENERATOR_DENSITY = 0.05'. May be repeated.",
      flag_values=values)


def import_modules(values: flags.FlagValues) -> list[str]:
  """Imports what --gin_module names; returns the names.

  Raises:
    UserError: there is no such module, or it fails.
  """
  if os.getcwd() not in sys.path:
    sys.path.append(os.getcwd())  # where `python -m` would find it; after everything that is installed
  for module in values.gin_module:
    try:
      importlib.import_module(module)
    except Exception as error:  # pylint: disable=broad-except  (whatever somebody's code raises)
      place = traceback.extract_tb(error.__traceback__)[-1]
      where = f' ({place.filename}, line {place.lineno})' if 'importlib' not in place.filename else ''
      raise errors.UserError(f'--gin_module={module}: {type(error).__name__}: {error}{where}') from error
  return values.gin_module


def load_gin_files(values: flags.FlagValues) -> None:
  """Reads what `define_gin_flags` took.

  Raises:
    UserError: no file is named, or something in one is wrong.
  """
  if not values.gin_file:
    raise errors.UserError('Name an experiment, for example --gin_file=quickstart.gin')
  files = [configuration.find(f) for f in values.gin_file]
  configuration.load(files, values.gin_param, import_modules(values))
  for file in files[1:]:
    configuration.check_in_use(file)


def make_experiment(values: flags.FlagValues, workdir: Workdir) -> Experiment:
  """The experiment of a run, as its own config.gin describes it.

  Raises:
    UserError: there is no such run.
  """
  if not workdir.config.exists():
    raise errors.UserError(f'--workdir={workdir.path} holds no run: it has no config.gin.')
  configuration.load([workdir.config], modules=import_modules(values))
  return configuration.make_experiment()


def restore(values: flags.FlagValues) -> tuple[Workdir, GAN]:
  """The GAN of a run, see `restore_trainer`."""
  workdir, trainer = restore_trainer(values)
  return workdir, trainer.gan


def restore_trainer(values: flags.FlagValues) -> tuple[Workdir, Trainer]:
  """The trainer of a run at the chosen checkpoint; needs neither the data set nor the feature extractor.

  Raises:
    UserError: there is no such run, or it has no such checkpoint.
  """
  workdir = Workdir(values.workdir)
  trainer = make_experiment(values, workdir).trainer
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


def parse_numbers(flag: str, text: str) -> np.ndarray:
  """The value of a flag, '0-3,7' -> [0, 1, 2, 3, 7].

  Raises:
    UserError: the text is something else, or names no number.
  """
  ranges = []
  try:
    for part in text.split(','):
      first, _, last = part.partition('-')
      ranges.append(range(int(first), int(last or first) + 1))
  except ValueError:
    ranges = []
  if not any(ranges):
    raise errors.UserError(f'--{flag}={text}: give numbers and ranges, for example 0-31 or 3,7,20-25.')
  if sum(r.stop - r.start for r in ranges) > _MOST_NUMBERS or max(r.stop for r in ranges) > np.iinfo(np.int64).max:
    raise errors.UserError(f'--{flag}={text}: at most {_MOST_NUMBERS:,} numbers, none of them beyond 2^63.')
  return np.array([number for r in ranges for number in r])
