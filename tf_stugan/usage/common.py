"""Flags that several commands share, and what can be told of their values at once."""

from collections.abc import Sequence
import os
import pathlib

from absl import flags

from tf_stugan import errors
from tf_stugan import gin_files
from tf_stugan import gin_limits
from tf_stugan.training.workdir import Workdir

_MOST_NUMBERS = 100_000  # in one flag


def define_workdir_flag(values: flags.FlagValues, required: bool = True) -> None:
  """Defines where a run is."""
  flags.DEFINE_string('workdir', None, 'The folder of the run.', flag_values=values, required=required)


def define_trained_flags(values: flags.FlagValues, required: bool = True) -> None:
  """Defines which run was trained, and which of its checkpoints is meant."""
  define_workdir_flag(values, required)
  define_module_flag(values)
  flags.DEFINE_string(
      'checkpoint', 'newest', 'newest, best (lowest FID or FCD), or the step of one that was kept.', flag_values=values)


def define_output_flag(values: flags.FlagValues) -> None:
  """Defines which of the things that a game makes is meant."""
  flags.DEFINE_string(
      'which', None, 'What to take of a game that makes several things: the direction of a CycleGAN, a_to_b or b_to_a.',
      flag_values=values)


def define_data_flag(values: flags.FlagValues) -> None:
  """Defines where data sets are on this machine."""
  flags.DEFINE_string(
      'data_dir', os.environ.get('TFDS_DATA_DIR'),
      'Folder of data sets: TensorFlow Datasets, tiny-imagenet-200, prepared sets; ~/tensorflow_datasets if not given.',
      flag_values=values)


def define_machine_flags(values: flags.FlagValues) -> None:
  """Defines where data and caches are on this machine."""
  define_data_flag(values)
  cache = pathlib.Path(os.environ.get('XDG_CACHE_HOME', '~/.cache')).expanduser() / 'tf_stugan'
  flags.DEFINE_string(
      'cache_dir', str(cache), 'Folder for what can be made again: feature classifiers, features of real images.',
      flag_values=values)


def define_module_flag(values: flags.FlagValues) -> None:
  """Defines whose code a configuration may use."""
  flags.DEFINE_multi_string(
      'gin_module', [], 'A Python module of your own that the configuration may import, from the working folder or '
      'PYTHONPATH: my_methods for my_methods.py. Code of a run is never trusted because its files say so: name the module '
      'in every command. May be repeated.', flag_values=values)


def define_gin_flags(values: flags.FlagValues) -> None:
  """Defines what is configured."""
  define_module_flag(values)
  flags.DEFINE_multi_string(
      'gin_file', [], 'Experiment: a path, or a name in gin_configs/experiments. May be repeated; later ones win.',
      flag_values=values)
  flags.DEFINE_multi_string(
      'gin_param', [], "One binding on top of the files: 'GENERATOR_DENSITY = 0.05'. May be repeated.",
      flag_values=values)


def define_convention_flag(values: flags.FlagValues) -> None:
  """Defines how operations are counted: by the names in metrics/cost.py."""
  flags.DEFINE_enum(
      'convention', 'measured', ['measured', 'published:stugan', 'published:adapt'], 'What counts as an operation.',
      flag_values=values)


def check_run(values: flags.FlagValues) -> None:
  """Raises UserError unless --workdir holds a run."""
  workdir = Workdir(values.workdir)
  if not workdir.config.exists():
    raise errors.UserError(f'--workdir={workdir.path} holds no run: it has no config.gin.')
  if not workdir.newest_step() and (stages := workdir.stages()):
    raise errors.UserError(f'--workdir={workdir.path} has runs in folders of its own: take '
                           f'{workdir.path / workdir.last_stage()}, or another of {", ".join(stages)}.')


def check_gin_files(values: flags.FlagValues) -> None:
  """Raises UserError where a --gin_file does not exist."""
  for name in values.gin_file:
    gin_files.find(name)


def check_gin_flags(values: flags.FlagValues) -> None:
  """Raises UserError where a --gin_file does not exist, cannot be parsed or would overrule all before it, or a --gin_param
  sets what it has not got."""
  files = [gin_files.find(name) for name in values.gin_file]
  check_configuration(files, values.gin_param, values)
  gin_limits.check_order(files, values.gin_module)


def check_configuration(files: Sequence[pathlib.Path], bindings: Sequence[str], values: flags.FlagValues) -> None:
  """Checks, as far as it can be told without importing what they configure, gin files and bindings; raises UserError."""
  if files:
    gin_limits.check_bindings(bindings, gin_limits.read(files, values.gin_module), values.gin_module)


def parse_numbers(flag: str, text: str) -> list[int]:
  """Parses the value of a flag, '0-3,7' -> [0, 1, 2, 3, 7].

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
  if sum(r.stop - r.start for r in ranges) > _MOST_NUMBERS or max(r.stop for r in ranges) > 2**63 - 1:
    raise errors.UserError(f'--{flag}={text}: at most {_MOST_NUMBERS:,} numbers, none of them beyond 2^63.')
  return [number for r in ranges for number in r]
