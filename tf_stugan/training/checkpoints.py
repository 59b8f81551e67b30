"""Saves the whole state of a run, all or nothing, and restores it exactly.

A checkpoint (`checkpoint_files`) is written under another name, synced and renamed. The newest one is found by listing
the folder, not by reading a file that can go stale.
"""

from collections.abc import Sequence
import dataclasses
import errno
import json
import logging
import os
import pathlib
import shutil

import numpy as np
import tensorflow as tf

import tf_stugan
from tf_stugan import errors
from tf_stugan import faults
from tf_stugan.sparsity import masks
from tf_stugan.training import checkpoint_files
from tf_stugan.training import named_variables
from tf_stugan.training.saved_steps import list_checkpoints
from tf_stugan.training.saved_steps import PREFIX
from tf_stugan.training.saved_steps import step_of

_LOG = logging.getLogger(__name__)

_NO_ROOM = (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT, errno.EFBIG, None)


def save(trainer, folder: pathlib.Path, keep: int = 2, milestones: int = 0,
         attachments: Sequence[pathlib.Path] = ()) -> pathlib.Path:
  """Writes the whole state of a trainer; then removes checkpoints that need not be kept.

  Args:
    trainer: built.
    folder: the folder of the checkpoints.
    keep: how many of the newest stay, beside that of the best score.
    milestones: checkpoints at multiples of this many steps stay, too; 0 for none.
    attachments: files that are copied into the checkpoint where they exist, such as the configuration.

  Raises:
    DiskError: nothing was written; the checkpoints from before are untouched.
  """
  step = int(trainer.step.numpy())
  temporary, target = folder / f'{checkpoint_files.TEMPORARY}{step:08d}', folder / f'{PREFIX}{step:08d}'
  try:
    checkpoint_files.put_back(folder)
    for left in folder.glob(f'{checkpoint_files.TEMPORARY}*'):  # by processes that were killed while they wrote
      shutil.rmtree(left, ignore_errors=True)
    _write(trainer, step, temporary, attachments)
    faults.reached('save:before_rename', step)
    checkpoint_files.put_in_place(temporary, target)
    faults.reached('save:after_rename', step)
  except (OSError, tf.errors.OpError) as error:
    shutil.rmtree(temporary, ignore_errors=True)
    if isinstance(error, OSError) and error.errno not in _NO_ROOM:
      raise
    raise errors.DiskError(
        f'The checkpoint of step {step} could not be written to {folder} ({error}). The one before it is untouched; '
        'make room and run the same command again.') from error
  best = {step for _, step in trainer.host_state.best.values()}
  for old in list_checkpoints(folder)[:-keep]:
    if step_of(old) not in best and not (milestones and step_of(old) % milestones == 0):
      shutil.rmtree(old, ignore_errors=True)  # somebody may be reading it; the next time it goes
  return target


def _write(trainer, step, folder, attachments):
  """Writes all files of a checkpoint, its manifest last, and waits until they are on the disk."""
  folder.mkdir(parents=True)
  faults.reached('save:begin', step)
  named_variables.write(folder / 'variables', trainer.parts())
  (folder / 'state.json').write_text(json.dumps(dataclasses.asdict(trainer.host_state)))
  for file in attachments:
    if file.exists():
      shutil.copyfile(file, folder / file.name)
  files = sorted(folder.iterdir())
  faults.reached('save:after_data', step)
  (folder / 'manifest.json').write_text(json.dumps(_manifest(trainer, step, files), indent=1))
  for file in [*files, folder / 'manifest.json', folder]:
    checkpoint_files.sync(file)


def _manifest(trainer, step, files):
  return {
      'step': step,
      'image_shapes': trainer.image_shapes,
      'versions': {'tf_stugan': tf_stugan.__version__, 'tensorflow': tf.__version__},
      'nonzeros': _nonzeros(trainer),
      'densities': {f'{name}/{v.name}': round(float(masks.density([v])), 6)
                    for name, side in trainer.sides.items() for v in side.masked},
      'files': {f.name: checkpoint_files.size_and_digest(f) for f in files}}


def restore_chosen(trainer, folder: pathlib.Path, choice: str) -> int:
  """Restores one checkpoint for inspection, not for going on with the run.

  Args:
    trainer: built as it was when it was saved.
    folder: with checkpoints.
    choice: 'newest', 'best' (by the first score), or a step.

  Returns:
    The step.

  Raises:
    UserError: there is none of this kind; the message lists the steps there are.
    CheckpointError: it is not whole.
  """
  newest = restore(trainer, folder, required=True, set_aside=False)
  if choice == 'newest':
    return newest
  best = trainer.host_state.best
  wanted = next((str(step) for _, step in best.values()), '') if choice == 'best' else choice
  path = next((p for p in list_checkpoints(folder) if str(step_of(p)) == wanted), None)
  if path is None:
    steps = ', '.join(str(step_of(p)) for p in list_checkpoints(folder))
    raise errors.UserError(f'--checkpoint={choice}: take newest, best (once evaluated), or one of the steps {steps}.')
  try:
    _read(trainer, path, checkpoint_files.validate(path))
  except checkpoint_files.NOT_WHOLE as error:
    raise errors.CheckpointError(f'{path} is not whole: {error}') from error
  return int(wanted)


def restore(trainer, folder: pathlib.Path, required: bool = False, set_aside: bool = True) -> int:
  """Restores the newest checkpoint that is whole; bad ones are named and set aside as `.corrupt`.

  Args:
    trainer: built as it was when it was saved.
    folder: with checkpoints.
    required: whether there has to be one.
    set_aside: rename bad checkpoints; False only skips them, since another process may be writing in this folder.

  Returns:
    The step; 0 where the folder has no checkpoint, and none is required.

  Raises:
    CheckpointError: there are checkpoints, and none is whole, or the newest cannot be read; or one is required and there
      is none.
  """
  if set_aside:
    checkpoint_files.put_back(folder)
  found = list_checkpoints(folder)
  for path in reversed(found):
    try:
      _read(trainer, path, checkpoint_files.validate(path))
    except checkpoint_files.NOT_WHOLE as error:
      checkpoint_files.refuse_if_unreadable(path, error)
      if not set_aside:
        _LOG.warning('Checkpoint %s is not whole: %s. The one before it is tried.', path, error)
        continue
      _LOG.warning('Checkpoint %s is not whole: %s. It is set aside as %s.corrupt.', path, error, path.name)
      shutil.rmtree(f'{path}.corrupt', ignore_errors=True)
      os.rename(path, f'{path}.corrupt')
      continue
    return int(trainer.step.numpy())
  if found or list(folder.glob('*.corrupt')):
    raise errors.CheckpointError(
        f'{folder} holds checkpoints, and none of them is whole. Nothing was started over; copy one back from elsewhere, '
        'or choose another --workdir.')
  if required:
    raise errors.CheckpointError(f'{folder} holds no checkpoint. Train first: tf-stugan train --workdir={folder.parent}')
  return 0


def _read(trainer, path, manifest):
  try:
    named_variables.read(path / 'variables', trainer.parts())
  except (named_variables.MismatchError, tf.errors.OpError) as error:
    raise errors.CheckpointError(
        f'{path} was written by another configuration: {errors.first_line(error)}') from error
  for name, value in json.loads((path / 'state.json').read_text()).items():
    setattr(trainer.host_state, name, value)
  if _nonzeros(trainer) != manifest['nonzeros']:
    raise ValueError('the masks do not have the numbers of weights that its manifest names')
  for side in trainer.sides.values():
    for variable in [*side.masked, *(side.average.masked if side.average else [])]:
      if np.any(variable.weight.numpy()[~variable.mask.numpy()]):  # to TensorFlow, denormal numbers are zero
        raise ValueError(f'{side.player.name}/{variable.name} has weights outside its mask')


def _nonzeros(trainer):
  return {f'{name}/{v.name}': int(masks.nonzeros(v.mask)) for name, side in trainer.sides.items() for v in side.masked}
