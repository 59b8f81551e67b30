"""What a study will run: made by `check` in a process of its own, kept in the folder of the study."""

from collections.abc import Mapping, Sequence
import dataclasses
import fnmatch
import json
import pathlib
import subprocess
import sys

from tf_stugan import errors
from tf_stugan import gin_files

_GENERATED = 'experiments'  # folder of gin files that the study wrote
_MARK = 'study:'  # of such a file, in the list of a run


@dataclasses.dataclass(frozen=True)
class Run:
  """One run of a study.

  Attributes:
    name: of its folder.
    row: runs of the same row differ in their seeds alone.
    setting: what tells this row from others, as a table has it.
    files: as --gin_file; those that begin with 'study:' lie in the folder of the study.
    bindings: as --gin_param.
    method: as reports call it.
    num_steps: of all stages.
    training: operations of all steps; an estimate where not `exact`.
    dense_training: those of one dense run.
    computed: those that a machine computes which does not skip masked weights.
    disk: bytes of its checkpoints, about.
    stages: (first, last) step of each stage by its name, in their order; empty where nobody counted them.
  """

  name: str
  row: str
  seed: int
  setting: Mapping[str, object]
  files: Sequence[str]
  bindings: Sequence[str]
  method: str = ''
  num_steps: int = 0
  training: float = 0.0
  dense_training: float = 0.0
  exact: bool = True
  disk: int = 0
  computed: float = 0.0
  stages: Mapping[str, Sequence[int]] = dataclasses.field(default_factory=dict)

  def configuration(self) -> tuple[Sequence[str], Sequence[str]]:
    """Returns what decides what it computes."""
    return list(self.files), list(self.bindings)

  def flags(self, folder: pathlib.Path) -> list[str]:
    """Returns the flags of `tf-stugan train` that say what is trained; `folder` is that of the study."""
    files = [str(generated_file(folder, unmarked(f))) if unmarked(f) else f for f in self.files]
    return [f'--workdir={workdir(folder, self.name)}', *(f'--gin_file={f}' for f in files),
            *(f'--gin_param={b}' for b in self.bindings)]


@dataclasses.dataclass(frozen=True)
class Plan:
  """All runs of a study, in the order in which they begin.

  Attributes:
    generated: texts of gin files that runs need and gin_configs does not have, by name.
    figures: as in `Study`.
    comparisons: as in `Study`.
    gpus: how many TensorFlow sees on this machine.
  """

  runs: Sequence[Run]
  generated: Mapping[str, str]
  figures: Sequence[Sequence[str]] = ()
  gpus: int = 0
  comparisons: Mapping[str, Sequence[Sequence[str]]] = dataclasses.field(default_factory=dict)


def workdir(folder: pathlib.Path, name: str) -> pathlib.Path:
  """Tells where a run of a study is."""
  return folder / 'runs' / name


def generated_file(folder: pathlib.Path, name: str) -> pathlib.Path:
  """Tells where a gin file is that the study wrote."""
  return folder / _GENERATED / name


def marked(name: str) -> str:
  """Tells how `Run.files` calls such a file."""
  return _MARK + name


def unmarked(file: str) -> str | None:
  """Returns the name of such a file; None of any other."""
  return file.removeprefix(_MARK) if file.startswith(_MARK) else None


def make(request: Mapping[str, object]) -> Plan:
  """Expands a study and checks all of its runs, in another process, so that this one never holds TensorFlow or a GPU.

  Args:
    request: see `check.plan`.

  Raises:
    UserError: something is wrong with it.
  """
  command = [sys.executable, '-m', 'tf_stugan.studies.check']
  child = subprocess.run(command, input=json.dumps(request), stdout=subprocess.PIPE, text=True, check=False)
  lines = child.stdout.splitlines()
  if child.returncode and not lines:
    raise errors.UserError(f'The runs could not be checked: the process for it ended with exit code {child.returncode}.')
  answer = json.loads(lines[-1])
  if 'error' in answer:
    error = errors.UserError(answer['error'])
    error.exit_code = answer['code']
    raise error
  return from_json(answer)


def restrict(plan: Plan, rows: Sequence[str]) -> Plan:
  """Returns the plan with the runs of some rows alone.

  Args:
    plan: of a whole study.
    rows: names of rows, or patterns such as 'static_*'; all rows where there are none.

  Raises:
    UserError: no row has such a name.
  """
  names = list(dict.fromkeys(run.row for run in plan.runs))
  for pattern in rows:
    if not fnmatch.filter(names, pattern):
      raise errors.UserError(f'--rows: {pattern} is no row of this study; there are {", ".join(names)}.'
                             f'{gin_files.did_you_mean(pattern, names)}')
  kept = {name for pattern in rows or ['*'] for name in fnmatch.filter(names, pattern)}
  return dataclasses.replace(plan, runs=[run for run in plan.runs if run.row in kept])


def to_json(plan: Plan) -> dict[str, object]:
  """Returns what `from_json` reads."""
  return dataclasses.asdict(plan)


def from_json(values: Mapping[str, object]) -> Plan:
  """Returns the plan that `to_json` wrote."""
  return Plan(**{**values, 'runs': [Run(**run) for run in values['runs']]})
