"""Dense runs that stand in the place of a procedure's own dense stage."""

from collections.abc import Mapping
import json
import pathlib

from tf_stugan import errors
from tf_stugan.data.images import Images
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
  if step > num_steps:
    raise errors.UserError(f'{setting}: {path} is at step {step}, beyond the {num_steps} of this experiment: what is made '
                           'of it would be compared with a longer run. Set NUM_STEPS, or take another.')
  if seed is not None and run.seed() not in ('', str(seed)):
    raise errors.UserError(
        f'{setting}: {path} has the seed {run.seed()}, this experiment {seed}: what is found in it would meet '
        f'other initial weights than those it was found with. Set SEED = {run.seed()}; for a ladder, INITIAL_SEED can name '
        'the weights, too.')


def check_data(setting: str, path: pathlib.Path, data: Mapping[str, Images]) -> None:
  """Raises UserError where a dense run says that it was trained on other data."""
  described = Workdir(str(path)).data
  before = json.loads(described.read_text()) if described.exists() else {}
  for domain, images in data.items():
    if domain in before and before[domain]['fingerprint'] != images.fingerprint:
      raise errors.UserError(f'{setting}: {path} was trained on {before[domain]["name"]}, {before[domain]["images"]} '
                             f'images, and not on these {len(images)} of {images.name}.')
