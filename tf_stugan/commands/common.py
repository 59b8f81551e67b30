"""Flags and steps that several commands share."""

import os
import pathlib

from absl import flags
import numpy as np

from tf_stugan import configuration
from tf_stugan import errors
from tf_stugan.gans.gan import GAN
from tf_stugan.procedures.procedure import Experiment
from tf_stugan.training import checkpoints
from tf_stugan.training.trainer import Trainer
from tf_stugan.training.workdir import Workdir


def define_workdir_flag(values: flags.FlagValues) -> None:
  """Where a run is."""
  flags.DEFINE_string('workdir', None, 'The folder of the run.', flag_values=values, required=True)


def define_machine_flags(values: flags.FlagValues) -> None:
  """Where data and caches are on this machine."""
  flags.DEFINE_string(
      'data_dir', os.environ.get('TFDS_DATA_DIR'),
      'Folder of prepared TensorFlow Datasets; ~/tensorflow_datasets if not given.', flag_values=values)
  cache = pathlib.Path(os.environ.get('XDG_CACHE_HOME', '~/.cache')).expanduser() / 'tf_stugan'
  flags.DEFINE_string(
      'cache_dir', str(cache), 'Folder for what can be made again: feature classifiers.', flag_values=values)


def make_experiment(workdir: Workdir) -> Experiment:
  """The experiment of a run, as its own config.gin describes it.

  Raises:
    UserError: there is no such run.
  """
  if not workdir.config.exists():
    raise errors.UserError(f'--workdir={workdir.path} holds no run: it has no config.gin.')
  configuration.load([workdir.config])
  return configuration.make_experiment()


def restore(values: flags.FlagValues) -> tuple[Workdir, GAN]:
  """The GAN of a run, see `restore_trainer`."""
  workdir, trainer = restore_trainer(values)
  return workdir, trainer.gan


def restore_trainer(values: flags.FlagValues) -> tuple[Workdir, Trainer]:
  """The trainer of a run at its newest checkpoint; needs neither the data set nor the feature extractor.

  Raises:
    UserError: there is no such run, or it has no whole checkpoint.
  """
  workdir = Workdir(values.workdir)
  trainer = make_experiment(workdir).trainer
  trainer.build(checkpoints.image_shape(workdir.checkpoints))
  checkpoints.restore(trainer, workdir.checkpoints, required=True)
  return workdir, trainer


def parse_seeds(text: str) -> np.ndarray:
  """'0-3,7' -> [0, 1, 2, 3, 7].

  Raises:
    UserError: the text is something else, or names no seed.
  """
  seeds = []
  try:
    for part in text.split(','):
      first, _, last = part.partition('-')
      seeds.extend(range(int(first), int(last or first) + 1))
  except ValueError:
    seeds = []
  if not seeds:
    raise errors.UserError(f'--seeds={text}: seeds are numbers and ranges, for example 0-31 or 3,7,20-25.')
  return np.array(seeds)
