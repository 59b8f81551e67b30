"""Dense runs that stand in the place of a procedure's own dense stage."""

import pathlib

from tf_stugan import errors
from tf_stugan.training import checkpoint_files
from tf_stugan.training.workdir import Workdir


def check(setting: str, path: pathlib.Path, num_steps: int, seed: int | None = None) -> None:
  """Checks that a workdir holds a dense run at its end.

  Args:
    setting: what named it, for messages: 'Ladder.dense'.
    path: the workdir.
    num_steps: of a dense run of this experiment.
    seed: of its initial weights; None where what is found in the run is not put on initial weights.

  Raises:
    UserError: it does not.
  """
  run = Workdir(str(path)) if path.is_dir() else None
  if not run or not (step := run.newest_step()) or checkpoint_files.masked_layers(run.checkpoints):
    raise errors.UserError(f'{setting}: {path} holds no checkpoint of a dense run.')
  if step < num_steps:
    raise errors.UserError(f'{setting}: {path} is at step {step} of {num_steps}. Train it to the end first.')
  if seed is not None and run.seed() not in ('', str(seed)):
    raise errors.UserError(
        f'{setting}: {path} has the seed {run.seed()}, this experiment {seed}: what is found in it would meet '
        f'other initial weights than those it was found with. Set SEED = {run.seed()}; for a ladder, INITIAL_SEED can name '
        'the weights, too.')
