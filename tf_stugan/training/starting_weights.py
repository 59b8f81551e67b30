"""Reads the weights that a stage, a round or a fine-tuned run begins with from checkpoints of another run."""

from collections.abc import Sequence
import pathlib

import tensorflow as tf

from tf_stugan import errors
from tf_stugan.sparsity import masks
from tf_stugan.training import checkpoint_files
from tf_stugan.training import named_variables
from tf_stugan.training.saved_steps import step_of


def restore_parts(trainer, folder: pathlib.Path, parts: Sequence[str], step: int | None = None) -> int:
  """Reads some parts of a complete checkpoint of another run; other parts of the trainer stay as they are.

  Args:
    trainer: a trainer that has been built; its masks apply to the weights that are read.
    folder: the folder with the checkpoints of the other run.
    parts: names of `Trainer.parts`, or 'PART/PLAYER' for the variables of one player; the same in both runs.
    step: the step of the checkpoint; None takes the newest.

  Returns:
    The step of that checkpoint.

  Raises:
    CheckpointError: there is none, or its networks are others; the message names the first variable that differs.
  """
  every = trainer.parts()
  return read_variables(folder, {part: _select_player(every, *part.split('/')) for part in parts}, trainer, step)


def check_parts(trainer, folder: pathlib.Path, parts: Sequence[str]) -> None:
  """Raises what `restore_parts` would for the newest checkpoint, and reads nothing into the trainer."""
  every = trainer.parts()
  _naming_mismatch(named_variables.check, checkpoint_files.find_whole(folder),
                   {part: _select_player(every, *part.split('/')) for part in parts})


def read_variables(folder: pathlib.Path, parts: named_variables.Parts, trainer, step: int | None = None) -> int:
  """Reads as `restore_parts` does, into any variables, also such as do not belong to the trainer."""
  path = checkpoint_files.find_whole(folder, step)
  _naming_mismatch(named_variables.read, path, parts)
  for side in trainer.sides.values():
    masks.apply_masks(side.masked)
  return step_of(path)


def _naming_mismatch(look, path, parts):
  """Calls a function of `named_variables`, and turns a mismatch into an error that says where it is."""
  try:
    look(path / 'variables', parts)
  except (named_variables.MismatchError, tf.errors.OpError) as error:
    raise errors.CheckpointError(f'{path} holds other networks than this experiment: {error}') from error


def _select_player(parts, part, player=''):
  """Returns the variables of a part by name; if a player is given, only its own, without the name of the player."""
  prefix = f'{player}/' if player else ''
  return {name.removeprefix(prefix): v for name, v in parts[part].items() if name.startswith(prefix)}
