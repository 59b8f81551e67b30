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


class _Path(flags.ArgumentParser):
  """Takes a path. A shell leaves the ~ of --flag=~/x as it is: here it becomes the home folder."""

  def parse(self, argument):
    return os.path.expanduser(argument)


def define_path(name: str, default: str | None, help_text: str, values: flags.FlagValues, required: bool = False) -> None:
  """Defines a flag that is a file or a folder."""
  flags.DEFINE(_Path(), name, default, help_text, flag_values=values, required=required)


def define_gin_file_flag(help_text: str, values: flags.FlagValues) -> None:
  """Defines which gin files are meant: paths, or names in gin_configs."""
  flags.DEFINE_multi(_Path(), flags.ArgumentSerializer(), 'gin_file', [], help_text, flag_values=values)


def define_workdir_flag(values: flags.FlagValues, required: bool = True) -> None:
  """Defines where a run is."""
  define_path('workdir', None, 'The folder of the run.', values, required)


def define_trained_flags(values: flags.FlagValues, required: bool = True) -> None:
  """Defines which run was trained, and which of its checkpoints is meant."""
  define_workdir_flag(values, required)
  define_module_flag(values)
  flags.DEFINE_string(
      'checkpoint', 'newest', 'newest, best (by the first score), or the step of one that was kept.', flag_values=values)


def define_output_flag(values: flags.FlagValues) -> None:
  """Defines which of the things that a game makes is meant."""
  flags.DEFINE_string(
      'which', None, 'What to take of a game that makes several things: the direction of a CycleGAN, a_to_b or b_to_a.',
      flag_values=values)


def define_data_flag(values: flags.FlagValues) -> None:
  """Defines where data sets are on this machine."""
  define_path(
      'data_dir', os.environ.get('TFDS_DATA_DIR'),
      'Folder of data sets: TensorFlow Datasets, tiny-imagenet-200, prepared sets; ~/tensorflow_datasets if not given.',
      values)


def define_machine_flags(values: flags.FlagValues) -> None:
  """Defines where data and caches are on this machine."""
  define_data_flag(values)
  cache = os.path.join(os.environ.get('XDG_CACHE_HOME', '~/.cache'), 'tf_stugan')
  define_path('cache_dir', cache, 'Folder for what can be made again: feature classifiers, features of real images.', values)


def define_module_flag(values: flags.FlagValues) -> None:
  """Defines whose code a configuration may use."""
  flags.DEFINE_multi_string(
      'gin_module', [], 'A Python module of your own that the configuration may import, from the working folder or '
      'PYTHONPATH: my_methods for my_methods.py. Code of a run is never trusted because its files say so: name the module '
      'in every command. May be repeated.', flag_values=values)


def define_gin_flags(values: flags.FlagValues) -> None:
  """Defines what is configured."""
  define_module_flag(values)
  define_gin_file_flag(
      'A gin file: a path, or a name in gin_configs or gin_configs/experiments. First the experiment, then what changes it '
      '(data, ablations, sizes). May be repeated; later files win.', values)
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


def quote_item(text: str) -> str:
  """Writes an item of a flag that takes several with commas between them, so that commas of its own are none of these."""
  return '"' + text.replace('"', '""') + '"' if ',' in text or text[:1] == '"' else text


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
  if not ranges or not all(ranges):
    raise errors.UserError(f'--{flag}={text}: give numbers and ranges, for example 0-31 or 3,7,20-25.')
  if sum(r.stop - r.start for r in ranges) > _MOST_NUMBERS or max(r.stop for r in ranges) > 2**63 - 1:
    raise errors.UserError(f'--{flag}={text}: at most {_MOST_NUMBERS:,} numbers, none of them beyond 2^63.')
  return [number for r in ranges for number in r]
