"""Which runs a folder of a report stands for."""

import os
import pathlib

from tf_stugan.training import rounds
from tf_stugan.training.workdir import Workdir


def list_runs(folder: str) -> list[str]:
  """Lists the runs that a folder of a report stands for: a ladder's dense run and its rounds; the stages of another
  procedure that has no run of its own; or the folder itself. A file stands for none."""
  if not os.path.isdir(folder):
    return []
  ladder = rounds.read_description(pathlib.Path(folder))
  if not ladder:
    workdir = Workdir(str(folder))
    return [folder] if workdir.metrics.exists() else [str(workdir.path / name) for name in workdir.stages()] or [folder]
  paths = (os.path.join(folder, name) for name in (ladder['dense'], *ladder['rounds']))
  return [path for path in paths if os.path.isdir(path)]
