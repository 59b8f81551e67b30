"""Reads and writes tickets: the masks of a run and the weights to train them from, for runs with the same networks.

A ticket is an .npz without any pickled object: 'masks/PLAYER/LAYER' (bool), 'weights/PLAYER/NAME' (float32, 0 where the
mask is False) and a description in JSON. The contents of a file are checked before anything is made of them.
"""

from collections.abc import Mapping
import json
import math
import pathlib
from typing import NamedTuple

import numpy as np

from tf_stugan import errors

DESCRIPTION = 'ticket_of_tf_stugan'  # the name, in the archive, of what a ticket says of itself
_FORMAT = 1


class Ticket(NamedTuple):
  """Holds the contents of a file.

  Attributes:
    densities: the share of weights that masks keep, by role.
    step: the step of the training at which the weights were taken; 0 unless they are rewound to a later one.
    arrays: masks and weights, by 'masks/PLAYER/LAYER' and 'weights/PLAYER/NAME'.
    operations_before: the operations of all training that found it; NaN where they are unknown.
  """

  densities: Mapping[str, float]
  step: int
  arrays: Mapping[str, np.ndarray]
  operations_before: float = math.nan


def write(path: pathlib.Path, trainer, operations_before: float = math.nan) -> Ticket:
  """Writes the masks and weights of a trainer.

  Args:
    path: the file.
    trainer: a trainer with the masks and weights that training is to begin with.
    operations_before: as in `Ticket`.

  Raises:
    UserError: no player has masks.
  """
  parts = trainer.parts()
  if not parts['masks']:
    raise errors.UserError('There are no masks in this run: it is dense, and no ticket.')
  arrays = {f'{part}/{name}': v.numpy() for part in ('masks', 'weights') for name, v in parts[part].items()}
  roles = {player.name: player.role for player in trainer.gan.players}
  ticket = Ticket(_densities(arrays, roles), int(trainer.step.numpy()), arrays, operations_before)
  description = json.dumps({
      'format': _FORMAT, 'roles': roles, 'densities': ticket.densities, 'step': ticket.step,
      'operations_before': None if math.isnan(operations_before) else operations_before})
  with open(path, 'wb') as file:  # np.savez would add an ending
    np.savez_compressed(file, **{DESCRIPTION: np.array(description)}, **arrays)
  return ticket


def _densities(arrays, roles):
  """Returns densities by role, each over all players of that role."""
  result = {}
  for role in dict.fromkeys(roles.values()):
    masks = [v for name, v in arrays.items() if name.startswith('masks/') and roles.get(name.split('/')[1]) == role]
    if any(m.size for m in masks):
      result[role] = sum(int(m.sum()) for m in masks) / sum(m.size for m in masks)
  return result


def read(path: pathlib.Path) -> Ticket:
  """Reads a ticket.

  Raises:
    UserError: the file cannot be read, or is no ticket; the message says what is wrong with it.
  """
  try:
    with open(path, 'rb') as stream, np.load(stream, allow_pickle=False) as file:
      arrays = {name: file[name] for name in file.files}
    description = json.loads(str(arrays.pop(DESCRIPTION)))
    roles, densities, step = (description[name] for name in ('roles', 'densities', 'step'))
    as_counted = _densities(arrays, roles)
    before = description.get('operations_before')
    before = math.nan if before is None else float(before)
  except OSError as error:
    raise errors.UserError(f'{path} cannot be read: {error.strerror or "it is damaged"}.') from error
  except Exception as error:  # pylint: disable=broad-except  (a damaged archive fails in many ways)
    raise errors.UserError(f'{path} is no ticket of `tf-stugan ticket`, or it is damaged.') from error
  if description.get('format') != _FORMAT or not isinstance(step, int) or step < 0:
    raise errors.UserError(f'{path} was written by another version of tf_stugan.')
  for name, array in arrays.items():
    _check_array(path, name, array)
  if not densities or as_counted != densities:
    raise errors.UserError(f'{path}: its masks do not have the densities that it names, {densities}.')
  return Ticket(densities, step, arrays, before)


def _check_array(path, name, array):
  kind, _, rest = name.partition('/')
  if kind not in ('masks', 'weights') or not rest:
    raise errors.UserError(f'{path}: {name} is nothing that a ticket holds.')
  if array.dtype != (np.bool_ if kind == 'masks' else np.float32):
    raise errors.UserError(f'{path}: {name} has the type {array.dtype}.')
  if kind == 'weights' and not np.isfinite(array).all():
    raise errors.UserError(f'{path}: {name} is not finite.')


def assign(ticket: Ticket, path: pathlib.Path, trainer) -> None:
  """Gives a trainer the masks and weights of a ticket, all of them or none.

  Args:
    ticket: the ticket.
    path: the path of its file, for error messages.
    trainer: a trainer that has been built, with masks for the roles of the ticket.

  Raises:
    UserError: the trainer has other networks; the message names the first layer that differs.
  """
  parts = trainer.parts()
  wanted = {f'{part}/{name}': v for part in ('masks', 'weights') for name, v in parts[part].items()}
  for name in sorted({*wanted, *ticket.arrays}):
    if name not in wanted or name not in ticket.arrays:
      raise errors.UserError(f'{path} is for other networks: {name} is {"only here" if name in wanted else "only there"}.')
    if ticket.arrays[name].shape != tuple(wanted[name].shape):
      raise errors.UserError(f'{path} is for other networks: {name} is {list(ticket.arrays[name].shape)} there and '
                             f'{wanted[name].shape.as_list()} here.')
  for name, variable in wanted.items():
    variable.assign(ticket.arrays[name])
  trainer.step.assign(ticket.step)
