"""Flags and steps that several commands share."""

import os
import pathlib

from absl import flags
import numpy as np

from tf_stugan import configuration
from tf_stugan import errors
from tf_stugan.procedures.procedure import Run
from tf_stugan.training import checkpoints
from tf_stugan.training.workdir import Workdir


def define_run_flags(values: flags.FlagValues) -> None:
  """Where a run is, and where things are on this machine."""
  flags.DEFINE_string('workdir', None, 'The folder of the run.', flag_values=values, required=True)
  define_machine_flags(values)


def define_machine_flags(values: flags.FlagValues) -> None:
  """Where data and caches are on this machine."""
  flags.DEFINE_string(
      'data_dir', os.environ.get('TFDS_DATA_DIR'),
      'Folder of prepared TensorFlow Datasets; ~/tensorflow_datasets if not given.', flag_values=values)
  cache = pathlib.Path(os.environ.get('XDG_CACHE_HOME', '~/.cache')).expanduser() / 'tf_stugan'
  flags.DEFINE_string(
      'cache_dir', str(cache), 'Folder for what can be made again: feature classifiers.', flag_values=values)


def open_trained(values: flags.FlagValues, evaluate: bool = False) -> Run:
  """A run as its own config.gin describes it, with its newest checkpoint restored.

  Raises:
    UserError: there is no such run, or it has no whole checkpoint.
  """
  workdir = Workdir(values.workdir)
  if not workdir.config.exists():
    raise errors.UserError(f'--workdir={values.workdir} holds no run: it has no config.gin.')
  configuration.load([workdir.config])
  run = configuration.make_experiment().prepare(
      workdir, values.data_dir, pathlib.Path(values.cache_dir), evaluate=evaluate)
  checkpoints.restore(run.trainer, workdir.checkpoints, required=True)
  return run


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
