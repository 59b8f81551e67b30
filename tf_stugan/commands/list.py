"""One line for each gin file of a kind, told from its header."""

import re
import sys

from absl import flags

from tf_stugan import gin_files


def run(values: flags.FlagValues, kind: str) -> None:
  del values
  sys.stdout.write(describe(kind))


def describe(kind: str) -> str:
  """Returns the lines of one kind: name, size, first sentence of the file's header."""
  files = gin_files.list_folder(kind)
  sizes = [_experiment_size(f) if kind == 'experiments' else gin_files.header(f)['Size'] for f in files]
  names, width = [f.stem if kind != 'experiments' else f.name for f in files], max(map(len, sizes))
  rows = zip(names, sizes, files, strict=True)
  return ''.join(f'{name:{max(map(len, names))}}  {f"{size:{width}}  " if width else ""}{gin_files.header(file)["what"]}\n'
                 for name, size, file in rows)


def _experiment_size(file):
  """Returns the size of its model, without the parameters where another file than the model's sets a width."""
  parts = gin_files.included(file)
  model = next(part for part in parts if part.parent.name == 'models')
  others = [part for part in (file, *parts) if 'models' not in part.parts]
  size = gin_files.header(model)['Size']
  return re.sub('; .*', '', size) if any('_WIDTH = ' in part.read_text(encoding='utf-8') for part in others) else size
