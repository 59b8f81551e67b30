"""Name the models, data sets, methods or experiments there are: one line each, with its size and what it is.

Sizes are pixels, classes and parameters at full width; `tf-stugan flops --gin_file=...` tells those of any configuration.

Examples:
  tf-stugan list models
  tf-stugan list datasets
  tf-stugan list methods
  tf-stugan list experiments | grep cifar10
"""

import re
import sys

from absl import flags

from tf_stugan import errors
from tf_stugan import gin_files

ARGUMENTS = ('KIND',)  # what the command takes beside flags
_KINDS = ('models', 'datasets', 'methods', 'experiments')


def define_flags(values: flags.FlagValues) -> None:
  del values  # it takes none


def run(values: flags.FlagValues, kind: str = '') -> None:
  del values
  if kind not in _KINDS:
    hint = gin_files.did_you_mean(kind, _KINDS)
    raise errors.UserError(f'say what to list: {", ".join(_KINDS)}{f"; there are no {kind!r}." if kind else "."}{hint}')
  sys.stdout.write(describe(kind))


def describe(kind: str) -> str:
  """The lines of one kind: name, size, first sentence of the file's header."""
  files = gin_files.list_folder(kind)
  sizes = [_experiment_size(f) if kind == 'experiments' else gin_files.header(f)['Size'] for f in files]
  names, width = [f.stem if kind != 'experiments' else f.name for f in files], max(map(len, sizes))
  rows = zip(names, sizes, files, strict=True)
  return ''.join(f'{name:{max(map(len, names))}}  {f"{size:{width}}  " if width else ""}{gin_files.header(file)["what"]}\n'
                 for name, size, file in rows)


def _experiment_size(file):
  """That of its model, without the parameters where another file than the model's sets a width."""
  parts = gin_files.included(file)
  model = next(part for part in parts if part.parent.name == 'models')
  others = [part for part in (file, *parts) if 'models' not in part.parts]
  size = gin_files.header(model)['Size']
  return re.sub('; .*', '', size) if any('_WIDTH = ' in part.read_text(encoding='utf-8') for part in others) else size
