"""What a checkpoint is on the disk, and what can be told of one without building its networks.

It is a folder `step-00001000` with TensorFlow's files, `state.json` (host state) and, written last, `manifest.json` with the
size and SHA-256 of each file; it is complete exactly when its manifest validates.
"""

import contextlib
import hashlib
import json
import os
import pathlib
import shutil

from tf_stugan import errors
from tf_stugan.training.saved_steps import list_checkpoints
from tf_stugan.training.saved_steps import PREFIX
from tf_stugan.training.saved_steps import step_of

NOT_WHOLE = (OSError, ValueError, KeyError, TypeError, AttributeError)  # what a damaged manifest.json can raise
TEMPORARY = '.writing-'  # begins the name of a checkpoint that is being written
_REPLACED = f'{TEMPORARY}replaced'  # the name of one while another of its step takes its place


def validate(path: pathlib.Path) -> dict:
  """Reads the manifest of a checkpoint, and compares all files with it.

  Raises:
    OSError, ValueError, KeyError, TypeError, AttributeError: `NOT_WHOLE`; it is not complete.
  """
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


def find_whole(folder: pathlib.Path, step: int | None = None) -> pathlib.Path:
  """Returns the newest checkpoint, or that of a step, for another run to begin from.

  Raises:
    CheckpointError: there is none, it is not whole, or it cannot be read. An earlier one is not taken instead: a run
      that is to begin from the end of another would begin from its middle.
  """
  found = [path for path in list_checkpoints(folder) if step in (None, step_of(path))]
  if not found:
    what = 'to begin from' if step is None else f'of step {step}'
    raise errors.CheckpointError(f'{folder} holds no checkpoint {what}.')
  try:
    validate(found[-1])
  except NOT_WHOLE as error:
    refuse_if_unreadable(found[-1], error)
    raise errors.CheckpointError(
        f'{found[-1]} is not whole: {error}. Copy it back from elsewhere; or take it away, and train that run again from '
        'the checkpoint before.') from error
  return found[-1]


def refuse_if_unreadable(path: pathlib.Path, error: Exception) -> None:
  """Raises where a checkpoint could not be read: it may be whole, so it stays, and no older one is taken.

  Raises:
    CheckpointError: `error` is one of the disk or of permissions, not of a file that is missing or damaged.
  """
  if isinstance(error, OSError) and not isinstance(error, (FileNotFoundError, IsADirectoryError, NotADirectoryError)):
    raise errors.CheckpointError(
        f'{path} cannot be read ({error.filename or "I/O"}: {error.strerror}). Nothing was changed; make it readable, and '
        'run the same command again.') from error


def masked_layers(folder: pathlib.Path) -> set[str]:
  """Returns which layers have masks in the newest checkpoint, as 'PLAYER/LAYER'; none of a dense run."""
  return set(_newest_value(folder, 'manifest.json', 'nonzeros') or ())


def lacks_scores(folder: pathlib.Path) -> bool:
  """Tells whether the newest checkpoint was saved by a stop before its step was scored."""
  return bool(_newest_value(folder, 'state.json', 'pending_evaluation'))


def image_shapes(folder: pathlib.Path) -> dict[str, tuple[int, int, int]]:
  """Reads what the checkpoints of a run were trained on, by domain, so that networks can be built without the data set.

  Raises:
    CheckpointError: no checkpoint says it.
  """
  shapes = _newest_value(folder, 'manifest.json', 'image_shapes')
  if shapes is None:
    raise errors.CheckpointError(
        f'{folder} holds no whole checkpoint. Train first: tf-stugan train --workdir={folder.parent}')
  return {domain: tuple(shape) for domain, shape in shapes.items()}


def _newest_value(folder, file, key):
  """Returns what the newest checkpoint whose JSON file can be read says under a key; None without one."""
  for path in reversed(list_checkpoints(folder)):
    with contextlib.suppress(*NOT_WHOLE):
      return json.loads((path / file).read_text())[key]
  return None


def put_in_place(temporary: pathlib.Path, target: pathlib.Path) -> None:
  """Renames a complete folder to its final name, and removes a checkpoint of the same step that had the name before."""
  if target.exists():
    os.rename(target, target.with_name(_REPLACED))
  try:
    os.rename(temporary, target)
    sync(target.parent)
  finally:
    put_back(target.parent)
  shutil.rmtree(target.with_name(_REPLACED), ignore_errors=True)


def put_back(folder: pathlib.Path) -> None:
  """Gives a checkpoint that was being replaced its name back, if its replacement never arrived."""
  with contextlib.suppress(*NOT_WHOLE):
    step = json.loads((folder / _REPLACED / 'manifest.json').read_text())['step']
    if not (target := folder / f'{PREFIX}{step:08d}').exists():
      os.rename(folder / _REPLACED, target)


def size_and_digest(file: pathlib.Path) -> tuple[int, str]:
  """Returns the bytes and the SHA-256 of a file, as a manifest has them."""
  return file.stat().st_size, _sha256(file)


def sync(path: pathlib.Path) -> None:
  """Waits until a file, or the names in a folder, are on the disk."""
  descriptor = os.open(path, os.O_RDONLY)
  try:
    os.fsync(descriptor)
  finally:
    os.close(descriptor)


def _sha256(file):
  with open(file, 'rb') as f:
    return hashlib.file_digest(f, 'sha256').hexdigest() if hasattr(hashlib, 'file_digest') else (
        hashlib.sha256(f.read()).hexdigest())
