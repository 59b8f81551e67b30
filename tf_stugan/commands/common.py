"""Flags and steps that several commands share."""

import os
import pathlib

from absl import flags
import tensorflow as tf

from tf_stugan import configuration
from tf_stugan.training import checkpoints
from tf_stugan.training import strategies
from tf_stugan.training.workdir import Workdir


def define_run_flags(values: flags.FlagValues) -> None:
  """Where a run is, and where things are on this machine."""
  flags.DEFINE_string('workdir', None, 'The folder of the run.', flag_values=values, required=True)
  define_machine_flags(values)


def define_machine_flags(values: flags.FlagValues) -> None:
  flags.DEFINE_string(
      'data_dir', os.environ.get('TFDS_DATA_DIR'),
      'Folder of prepared TensorFlow Datasets; ~/tensorflow_datasets if not given.', flag_values=values)
  flags.DEFINE_string(
      'cache_dir', str(pathlib.Path(os.environ.get('XDG_CACHE_HOME', '~/.cache')).expanduser() / 'tf_stugan'),
      'Folder for what can be made again: feature classifiers.', flag_values=values)


def define_seeds_flag(values: flags.FlagValues, default: str) -> None:
  flags.DEFINE_string('seeds', default, 'Images to make: 0-31, or 3,7,9, or both mixed.', flag_values=values)


def open_trained(values: flags.FlagValues, evaluate: bool = False, checkpoint: str = 'newest'):
  """A run with its newest checkpoint restored, configured by its own config.gin."""
  del checkpoint
  workdir = Workdir(values.workdir)
  configuration.load([configuration.find(str(workdir.config))])
  with strategies.make('one_device').scope():
    experiment = configuration.make_experiment()
  run = experiment.prepare(workdir, values.data_dir, pathlib.Path(values.cache_dir), evaluate=evaluate)
  checkpoints.restore(run.trainer, workdir.checkpoints, required=True)
  tf.get_logger().setLevel('ERROR')
  return run
