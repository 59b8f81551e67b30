"""Name the models, data sets, methods, procedures, experiments or studies there are: a line each, with size and meaning.

Sizes are pixels, classes and parameters at full width; `tf-stugan flops --gin_file=...` tells those of any configuration.

Examples:
  tf-stugan list models
  tf-stugan list datasets
  tf-stugan list methods
  tf-stugan list procedures
  tf-stugan list experiments | grep cifar10
"""

from absl import flags

from tf_stugan import errors
from tf_stugan import gin_files

ARGUMENTS = ('KIND',)  # what the command takes beside flags
_KINDS = ('models', 'datasets', 'methods', 'procedures', 'experiments', 'studies')


def define_flags(values: flags.FlagValues) -> None:
  del values  # it takes none


def check(values: flags.FlagValues, kind: str = '') -> None:
  del values
  if kind not in _KINDS:
    hint = gin_files.did_you_mean(kind, _KINDS)
    raise errors.UserError(f'say what to list: {", ".join(_KINDS)}{f"; there are no {kind!r}." if kind else "."}{hint}')
