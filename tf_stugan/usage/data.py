"""Look at a data set (check), or write it to disk in the form that training streams from (prepare).

A data set is a name (those of gin_configs/datasets), a folder of image files, or what an experiment uses (--gin_file).
`check` reads everything and says what is there: images, sizes, classes, what had to be converted and what was left out; of a
prepared set without its originals, whether it is what was written. Its last line is a command that trains on the set.
`prepare` decodes and resizes everything once; only sets that do not fit into memory need it. It says what it will take, and
writes nothing where the disk has not got that much.

Examples:
  tf-stugan data check cifar10 --data_dir=~/tensorflow_datasets
  tf-stugan data check ~/pictures/flowers
  tf-stugan data check ~/pictures/horse2zebra           # of trainA, trainB, testA, testB one by one
  tf-stugan data prepare ~/pictures/flowers --gin_param='IMAGE_RESOLUTION = 128'
  tf-stugan data prepare imagenet128 --data_dir=/data
  tf-stugan data check --gin_file=sngan_cifar10_stugan.gin
"""

import os
import pathlib

from absl import flags

from tf_stugan import errors
from tf_stugan import gin_files
from tf_stugan.usage import common

ARGUMENTS = ('ACTION', 'SET')  # what the command takes beside flags
BASE = 'runs/data_only.gin'  # of which the data set takes the place
_ACTIONS = ('check', 'prepare')


def define_flags(values: flags.FlagValues) -> None:
  common.define_data_flag(values)
  common.define_module_flag(values)
  common.define_gin_file_flag('The data set of this experiment, instead of SET.', values)
  flags.DEFINE_multi_string(
      'gin_param', [], "One binding on top: 'IMAGE_RESOLUTION = 128'. May be repeated.", flag_values=values)


def check(values: flags.FlagValues, action: str = '', name: str = '') -> None:
  if action not in _ACTIONS:
    raise errors.UserError(f'say `data check SET` or `data prepare SET`{f"; there is no {action!r}" if action else ""}.')
  files, bindings = find_set(values, name)
  common.check_configuration([gin_files.find(file) for file in (BASE, *files)], bindings, values)


def find_set(values: flags.FlagValues, name: str) -> tuple[list[str], list[str]]:
  """Finds the gin files and bindings of the data set that was asked for, as an experiment would have it.

  Raises:
    UserError: it is named twice, or not at all, or there is no such set.
  """
  if bool(name) == bool(values.gin_file):
    raise errors.UserError(f'name one data set ({", ".join(_known())}), or a folder of images, or a --gin_file.')
  if values.gin_file:
    return values.gin_file, values.gin_param
  file, bindings = find_named(name)
  return [file], [*values.gin_param, *bindings]


def find_named(name: str) -> tuple[str, list[str]]:
  """Finds the gin file and the bindings of a data set, or of a folder of images.

  Raises:
    UserError: it is neither.
  """
  if name in _known():
    return f'datasets/{name}.gin', []
  folder = pathlib.Path(name).expanduser()
  if not folder.is_dir() and os.sep not in name:  # a prepared folder may be all there is of a path
    raise errors.UserError(f'{name} is no folder here, and no data set; there are {", ".join(_known())}.')
  return 'datasets/image_folder.gin', [f'IMAGE_FOLDER = {str(folder.absolute())!r}']


def _known():
  return [path.stem for path in gin_files.list_folder('datasets')]
