"""Checkpoints that are all or nothing.

A checkpoint is a folder `step-00001000` with TensorFlow's files, `state.json` (host state) and, written last,
`manifest.json` with the size and SHA-256 of each file. It is written under another name, synced and renamed; it is
complete exactly when its manifest validates. Which one is newest is told by listing, not by a file that can go stale.
"""

from collections.abc import Sequence
import contextlib
import dataclasses
import errno
import hashlib
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
from tf_stugan.training import named_variables
from tf_stugan.training.saved_steps import list_checkpoints
from tf_stugan.training.saved_steps import PREFIX
from tf_stugan.training.saved_steps import step_of

_LOG = logging.getLogger(__name__)

_NO_ROOM = (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT, errno.EFBIG, None)
_NOT_WHOLE = (OSError, ValueError, KeyError, TypeError, AttributeError)  # what a damaged manifest.json can raise
_TEMPORARY = '.writing-'


def save(trainer, folder: pathlib.Path, keep: int = 2, milestones: int = 0,
         attachments: Sequence[pathlib.Path] = ()) -> pathlib.Path:
  """Writes the whole state of a trainer; then removes what need not be kept.

  Args:
    trainer: built.
    folder: of the checkpoints.
    keep: how many of the newest stay, beside that of the best score.
    milestones: checkpoints at multiples of this many steps stay, too; 0 for none.
    attachments: files that are copied into it, those that exist: the configuration.

  Raises:
    DiskError: nothing was written; the checkpoints from before are untouched.
  """
  step = int(trainer.step.numpy())
  temporary, target = folder / f'{_TEMPORARY}{step:08d}', folder / f'{PREFIX}{step:08d}'
  try:
    for left in folder.glob(f'{_TEMPORARY}*'):  # by processes that were killed while they wrote
      shutil.rmtree(left, ignore_errors=True)
    _write(trainer, step, temporary, attachments)
    faults.reached('save:before_rename', step)
    _put_in_place(temporary, target)
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
    _sync(file)


def _manifest(trainer, step, files):
  return {
      'step': step,
      'image_shapes': trainer.image_shapes,
      'versions': {'tf_stugan': tf_stugan.__version__, 'tensorflow': tf.__version__},
      'nonzeros': _nonzeros(trainer),
      'densities': {f'{name}/{v.name}': round(float(masks.density([v])), 6)
                    for name, side in trainer.sides.items() for v in side.masked},
      'files': {f.name: [f.stat().st_size, _sha256(f)] for f in files}}


def _put_in_place(temporary, target):
  """Gives a folder that is whole its name; one that has the name already, of the same step, goes."""
  replaced = target.with_name(f'{_TEMPORARY}replaced')
  if target.exists():
    os.rename(target, replaced)
  os.rename(temporary, target)
  _sync(target.parent)
  shutil.rmtree(replaced, ignore_errors=True)


def restore_chosen(trainer, folder: pathlib.Path, choice: str) -> int:
  """Restores one checkpoint to look at, not to go on from.

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
    _read(trainer, path, _validate(path))
  except _NOT_WHOLE as error:
    raise errors.CheckpointError(f'{path} is not whole: {error}') from error
  return int(wanted)


def restore(trainer, folder: pathlib.Path, required: bool = False, set_aside: bool = True) -> int:
  """Restores the newest checkpoint that is whole; bad ones are named and set aside as `.corrupt`.

  Args:
    trainer: built as it was when it was saved.
    folder: with checkpoints.
    required: whether there has to be one.
    set_aside: False only passes bad ones over: somebody else may be writing in this folder.

  Returns:
    The step; 0 where the folder has no checkpoint, and none is required.

  Raises:
    CheckpointError: there are checkpoints, and none is whole, or the newest cannot be read; or one is required and there
      is none.
  """
  found = list_checkpoints(folder)
  for path in reversed(found):
    try:
      _read(trainer, path, _validate(path))
    except _NOT_WHOLE as error:
      _refuse_if_unreadable(path, error)
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


def restore_parts(trainer, folder: pathlib.Path, parts: Sequence[str], step: int | None = None) -> int:
  """Reads some parts of a whole checkpoint of another run; all else stays as it is.

  Args:
    trainer: built. Its masks apply to the weights that are read.
    folder: with checkpoints of the other run.
    parts: names of `Trainer.parts`, or 'PART/PLAYER' for the variables of one player; the same in both runs.
    step: of the checkpoint; None takes the newest.

  Returns:
    The step of the other run.

  Raises:
    CheckpointError: there is none, or its networks are others; the message names the first variable that differs.
  """
  every = trainer.parts()
  return read_variables(folder, {part: _of_player(every, *part.split('/')) for part in parts}, trainer, step)


def check_parts(trainer, folder: pathlib.Path, parts: Sequence[str]) -> None:
  """Raises what `restore_parts` would of the newest checkpoint, and reads nothing into the trainer."""
  every = trainer.parts()
  _as_wanted(named_variables.check, _whole_checkpoint(folder, None),
             {part: _of_player(every, *part.split('/')) for part in parts})


def read_variables(folder: pathlib.Path, parts: named_variables.Parts, trainer, step: int | None = None) -> int:
  """Reads as `restore_parts` does, into variables that need not be the trainer's own."""
  path = _whole_checkpoint(folder, step)
  _as_wanted(named_variables.read, path, parts)
  for side in trainer.sides.values():
    masks.apply_masks(side.masked)
  return step_of(path)


def _as_wanted(look, path, parts):
  """Calls a function of `named_variables`, and says of a mismatch where it is."""
  try:
    look(path / 'variables', parts)
  except (named_variables.MismatchError, tf.errors.OpError) as error:
    raise errors.CheckpointError(f'{path} holds other networks than this experiment: {error}') from error


def _of_player(parts, part, player=''):
  """Returns the variables of a part by name; those of one player, if one is named, without its name before theirs."""
  prefix = f'{player}/' if player else ''
  return {name.removeprefix(prefix): v for name, v in parts[part].items() if name.startswith(prefix)}


def _whole_checkpoint(folder, step):
  """Finds the newest one, or that of a step."""
  for path in reversed(list_checkpoints(folder)):
    if step is not None and step_of(path) != step:
      continue
    try:
      _validate(path)
      return path
    except _NOT_WHOLE as error:
      _refuse_if_unreadable(path, error)
      _LOG.warning('Checkpoint %s is not whole: %s. The one before it is tried.', path, error)
  raise errors.CheckpointError(
      f'{folder} holds no whole checkpoint {"to begin from" if step is None else f"of step {step}"}.')


def masked_layers(folder: pathlib.Path) -> set[str]:
  """Returns which layers have masks in the newest checkpoint that says it, as 'PLAYER/LAYER'; none of a dense run."""
  for path in reversed(list_checkpoints(folder)):
    with contextlib.suppress(*_NOT_WHOLE):
      return set(json.loads((path / 'manifest.json').read_text())['nonzeros'])
  return set()


def lacks_scores(folder: pathlib.Path) -> bool:
  """Tells whether the newest checkpoint was saved by a stop before its step was scored."""
  for path in reversed(list_checkpoints(folder)):
    with contextlib.suppress(*_NOT_WHOLE):
      return json.loads((path / 'state.json').read_text())['pending_evaluation']
  return False


def image_shapes(folder: pathlib.Path) -> dict[str, tuple[int, int, int]]:
  """Reads what the checkpoints of a run were trained on, by domain, so that networks can be built without the data set.

  Raises:
    CheckpointError: no checkpoint says it.
  """
  for path in reversed(list_checkpoints(folder)):
    try:
      shapes = json.loads((path / 'manifest.json').read_text())['image_shapes']
      return {domain: tuple(shape) for domain, shape in shapes.items()}
    except _NOT_WHOLE:
      continue
  raise errors.CheckpointError(f'{folder} holds no whole checkpoint. Train first: tf-stugan train --workdir={folder.parent}')


def _refuse_if_unreadable(path, error):
  """Raises where a checkpoint could not be read: it need not be wrong, so it stays, and nothing older takes its place."""
  if isinstance(error, OSError) and not isinstance(error, (FileNotFoundError, IsADirectoryError, NotADirectoryError)):
    raise errors.CheckpointError(
        f'{path} cannot be read ({error.filename or "I/O"}: {error.strerror}). Nothing was changed; make it readable, and '
        'run the same command again.') from error


def _validate(path):
  manifest = json.loads((path / 'manifest.json').read_text())
  if manifest['step'] != step_of(path):
    raise ValueError(f'it is of step {manifest["step"]}')
  for name, (size, digest) in manifest['files'].items():
    file = path / name
    if file.stat().st_size != size:
      raise ValueError(f'{name} has {file.stat().st_size} bytes, not {size}')
    if _sha256(file) != digest:
      raise ValueError(f'{name} does not have the SHA-256 of its manifest')
  return manifest


def _read(trainer, path, manifest):
  try:
    named_variables.read(path / 'variables', trainer.parts())
  except (named_variables.MismatchError, tf.errors.OpError) as error:
    raise errors.CheckpointError(
        f'{path} was written by another configuration: {str(error).strip().splitlines()[0][:300]}') from error
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


def _sha256(file):
  with open(file, 'rb') as f:
    return hashlib.file_digest(f, 'sha256').hexdigest() if hasattr(hashlib, 'file_digest') else (
        hashlib.sha256(f.read()).hexdigest())


def _sync(path):
  descriptor = os.open(path, os.O_RDONLY)
  try:
    os.fsync(descriptor)
  finally:
    os.close(descriptor)
