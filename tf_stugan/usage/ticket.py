"""Write the masks of a run, and the weights that they are trained from, into a file that others can train from.

Of a ladder --round says which; the weights are those that the round began with. Of any other run with masks they are its
initial ones.

Examples:
  tf-stugan ticket --workdir=runs/imp_g --round=5
  tf-stugan ticket --workdir=runs/imp_g --round=5 --output=ticket.npz
  tf-stugan train --workdir=runs/again --gin_file=sngan_cifar10_dense.gin --ticket=ticket.npz
"""

import pathlib

from absl import flags

from tf_stugan import errors
from tf_stugan import output_files
from tf_stugan.training import rounds
from tf_stugan.training.saved_steps import list_checkpoints
from tf_stugan.training.tickets import DESCRIPTION
from tf_stugan.training.workdir import Workdir
from tf_stugan.usage import common

SIGN = f'{DESCRIPTION}.npy'.encode()  # a name in the archive


def define_flags(values: flags.FlagValues) -> None:
  common.define_workdir_flag(values)
  common.define_module_flag(values)
  flags.DEFINE_integer('round', None, 'Of a ladder: which, from 1.', lower_bound=1, flag_values=values)
  common.define_path(
      'output', None, 'File to write, or a folder for it; ticket.npz in the folder of the run if not given.', values)


def check(values: flags.FlagValues) -> None:
  workdir = run_of_round(values)
  if not Workdir(str(workdir)).config.exists() or not list_checkpoints(workdir / 'checkpoints'):
    raise errors.UserError(f'{workdir} holds no checkpoint of a run.')
  output_files.check_file(output(values), SIGN)


def run_of_round(values: flags.FlagValues) -> pathlib.Path:
  """Returns the folder of the run that --workdir and --round mean.

  Raises:
    UserError: there is no such round, or --round says nothing about this folder.
  """
  workdir = Workdir(values.workdir)
  begun = [rounds.index_of(name) for name in workdir.stages() if rounds.is_round(name)]
  known = ', '.join(map(str, begun))
  if values.round is None:
    if begun:
      raise errors.UserError(f'{workdir.path} is a ladder: say which by --round; it has {known}.')
    return workdir.path
  if not begun:
    raise errors.UserError(f'--round={values.round}: {workdir.path} is no ladder with a round that has begun.')
  if values.round not in begun:
    raise errors.UserError(f'--round={values.round}: {workdir.path} has the rounds {known}.')
  return workdir.path / rounds.round_name(values.round)


def output(values: flags.FlagValues) -> pathlib.Path:
  """Returns the file to write."""
  return output_files.place(values.output, 'ticket.npz') if values.output else run_of_round(values) / 'ticket.npz'
