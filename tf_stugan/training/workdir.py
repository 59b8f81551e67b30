"""Knows the layout of a workdir: the folder of one run."""

import contextlib
import pathlib
import shutil

from tf_stugan import errors
from tf_stugan import gin_files
from tf_stugan import output_files
from tf_stugan.training import row_files
from tf_stugan.training import workdir_lock
from tf_stugan.training.saved_steps import list_checkpoints
from tf_stugan.training.saved_steps import newest_step

_FORMAT = '# Workdir of tf_stugan, format 2'  # the first line of config.gin


class Workdir:
  """Holds config.gin, operative_config.gin, data.json, metrics.jsonl, evaluations.jsonl (of `tf-stugan evaluate`),
  checkpoints/, samples/ and events/ (of TensorBoard).

  Args:
    path: the folder.
    create: make it if it does not exist.

  Raises:
    UserError: the folder does not exist, cannot be written to, or has a name that TensorFlow cannot handle.
  """

  def __init__(self, path: str, create: bool = False):
    _check_name(str(path))
    self.path = pathlib.Path(path)
    self._made = [p for p in (self.path, *self.path.parents) if not p.exists()]  # by `create`, innermost first
    if create:
      try:
        self.path.mkdir(parents=True, exist_ok=True)
      except OSError as error:
        raise errors.UserError(f'--workdir={path} cannot be made: {error.strerror}.') from error
    elif not self.path.is_dir():
      raise errors.UserError(f'--workdir={path} does not exist. Train there first: tf-stugan train --workdir={path}')
    self.config = self.path / 'config.gin'
    self.operative_config = self.path / 'operative_config.gin'
    self.data = self.path / 'data.json'
    self.metrics = self.path / 'metrics.jsonl'
    self.evaluations = self.path / 'evaluations.jsonl'
    self.checkpoints = self.path / 'checkpoints'
    self.samples = self.path / 'samples'
    self.events = self.path / 'events'
    self._lock = self.path / workdir_lock.FILE

  def newest_step(self) -> int:
    """Returns the step of the newest checkpoint, read from its name; 0 without one."""
    return newest_step(self.checkpoints)

  def seed(self) -> str:
    """Returns the seed in config.gin, as it is written there; empty where there is none."""
    if not self.config.exists():
      return ''
    bindings = gin_files.bindings_of(self.config.read_text(encoding='utf-8', errors='replace'))
    return next((value for name, value in bindings.items() if gin_files.is_seed(name) and value.isdigit()), '')

  def has_begun(self) -> bool:
    """Tells whether there is a configuration, and a checkpoint of the run or of one of its stages."""
    return self.config.exists() and bool(list_checkpoints(self.checkpoints) or self.stages())

  def stages(self) -> list[str]:
    """Lists the stages that have a folder of their own with a checkpoint in it."""
    return sorted(folder.parent.name for folder in self.path.glob('*/checkpoints') if list_checkpoints(folder))

  def last_stage(self) -> str:
    """Returns the stage that began last, of `stages`; empty where there is none."""
    return max(self.stages(), key=lambda name: (self.path / name / 'config.gin').stat().st_mtime, default='')

  def write_config(self, text: str) -> None:
    """Writes config.gin; its first line is the format of the workdir."""
    output_files.write_whole(self.config, f'{_FORMAT}\n{text}')

  def check_format(self) -> None:
    """Raises UserError if the folder holds a run of another version of this program."""
    if self.config.exists() and self.config.read_text(encoding='utf-8', errors='replace').split('\n')[0] != _FORMAT:
      raise errors.UserError(
          f'{self.path} was written by another version of tf_stugan, whose checkpoints and configurations are others. Read '
          "it with that one (version 0.1: pip install 'tf_stugan<0.2'), or train in another --workdir. `report` reads its "
          'rows.')

  def stage(self, name: str) -> 'Workdir':
    """Returns the workdir of a stage, which is created if needed; for an empty name, this workdir itself."""
    return Workdir(str(self.path / name), create=True) if name else self

  @contextlib.contextmanager
  def discarded_if_refused(self):
    """Removes the files and folders of this process if an error is raised before the first step of the run.

    Enter it while the workdir is held. Files that were there before stay, and so does everything of a run one of whose
    stages has begun.
    """
    before = set(self.path.iterdir())
    try:
      yield
    except (errors.DivergedError, errors.WorkerLostError):
      raise
    except Exception:
      begun = any(row.get('step') for row in self.rows()) or (
          self.checkpoints.exists() and any(self.checkpoints.iterdir())) or any(
              path.parent not in before for path in self.path.glob('*/config.gin'))
      if self.config not in before and not begun:
        self._discard(before - {self._lock})
      raise

  def _discard(self, before):
    own = {self.config, self.operative_config, self.data, self.metrics, self.checkpoints, self.samples, self.events,
           self._lock}
    with contextlib.suppress(OSError):  # of what is left over nobody needs to hear beside the refusal
      for path in own - before:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
      for folder in self._made:
        folder.rmdir()  # only if it is empty

  def rows(self) -> list[dict]:
    """Reads the rows of metrics.jsonl, without damaged lines: the last one may be cut off after a crash."""
    return row_files.read(self.metrics)

  def scores(self) -> list[dict]:
    """Reads the rows of scores: first those of training, then those of `tf-stugan evaluate`."""
    return [row for row in self.rows() if row['kind'] == 'evaluation'] + row_files.read(self.evaluations)


def _check_name(path):
  """Raises UserError for a name that would fail later: TensorFlow takes names in UTF-8 only."""
  try:
    usable = path and b'\0' not in path.encode()
  except UnicodeEncodeError:
    usable = False
  if not usable:
    raise errors.UserError(f'--workdir={path!r} cannot be the folder of a run: its name has to be text in UTF-8, not empty.')
