"""Where runs of a study are computed: on this machine, or on a cluster through Ray or Slurm.

An engine has `submit(task)`, which returns a handle with `done()` and `result()`, the exit code of the run; `stop(handles)`,
which asks runs to save and end; and `slots`, how many runs it takes at a time.
"""

from collections.abc import Iterable, Mapping
import contextlib
import math
import os
import pathlib
import subprocess
import sys
from typing import NamedTuple

from tf_stugan import errors


class Task(NamedTuple):
  """One run, as any machine can start it.

  Attributes:
    name: of the run.
    workdir: its folder, which all machines share.
    log: file to which its output is added.
    arguments: of tf-stugan.
    environment: variables beside those of the machine.
  """

  name: str
  workdir: str
  log: str
  arguments: tuple[str, ...]
  environment: Mapping[str, str]


def start(task: Task, **environment: str) -> subprocess.Popen:
  """Starts the process of a run, out of reach of this terminal's Ctrl-C."""
  pathlib.Path(task.log).parent.mkdir(parents=True, exist_ok=True)
  command = [sys.executable, '-m', 'tf_stugan.studies.launch', str(os.getpid()), task.workdir, *task.arguments]
  with open(task.log, 'ab') as log:
    return subprocess.Popen(command, env={**os.environ, **task.environment, **environment}, stdin=subprocess.DEVNULL,
                            stdout=log, stderr=log, start_new_session=True)


def execute(task: Task) -> int:
  """Does a run from where it is to its end, and returns its exit code; where it is interrupted, the run saves first."""
  process = start(task)
  try:
    return process.wait()
  except BaseException:
    process.terminate()
    process.wait()
    raise


class Local:
  """Processes on this machine.

  Args:
    jobs: runs at a time.
    gpus: their numbers, as CUDA_VISIBLE_DEVICES has them; each run has one to itself where there are any.
  """

  def __init__(self, jobs: int, gpus: Iterable[str] = ()):
    self._gpus = list(gpus)
    self._running = []
    self.slots = min(jobs, len(self._gpus)) if self._gpus else jobs

  def submit(self, task: Task) -> '_Process':
    self._running = [process for process in self._running if not process.done()]
    free = [gpu for gpu in self._gpus if gpu not in {process.gpu for process in self._running}]
    gpu = free[0] if free else None
    process = _Process(start(task, **({'CUDA_VISIBLE_DEVICES': gpu} if gpu is not None else {})), gpu)
    self._running.append(process)
    return process

  def stop(self, handles: Iterable['_Process']) -> None:
    for handle in handles:
      handle.process.terminate()

  def close(self) -> None:
    """Does nothing: no process is left."""


class _Process(NamedTuple):
  """A run on this machine, and its GPU."""

  process: subprocess.Popen
  gpu: str | None

  def done(self):
    return self.process.poll() is not None

  def result(self):
    return self.process.returncode


class Ray:
  """Tasks of a Ray cluster, one a run; one that is lost with its node begins again on another.

  Args:
    threads: CPU cores of a run; it has a GPU, too, where the cluster has any.
    slots: runs that are handed over at a time.

  Raises:
    UserError: Ray is not installed, or no cluster can be reached.
  """

  def __init__(self, threads: int, slots: float = math.inf):
    try:
      import ray  # pylint: disable=g-import-not-at-top  (an extra)
    except ImportError as error:
      raise errors.UserError("--engine=ray: Ray is not installed; pip install 'tf_stugan[ray]'") from error
    try:
      ray.init(address='auto', log_to_driver=False, logging_level='error')
    except (ConnectionError, ValueError, RuntimeError) as error:
      raise errors.UserError('--engine=ray: no Ray cluster can be reached from here. Start one with `ray start --head`, or '
                             f'name it in RAY_ADDRESS ({errors.first_line(error)})') from error
    gpus = 1 if ray.cluster_resources().get('GPU') else 0
    self._ray = ray
    self._references = {}  # of handles, by their id
    self._execute = ray.remote(num_cpus=threads, num_gpus=gpus, max_retries=-1)(execute)
    self.slots = slots

  def submit(self, task: Task):
    reference = self._execute.options(name=task.name).remote(task)
    handle = reference.future()
    self._references[id(handle)] = reference
    return handle

  def stop(self, handles) -> None:
    for handle in handles:
      self._ray.cancel(self._references[id(handle)])  # raises KeyboardInterrupt in `execute`

  def close(self) -> None:
    self._ray.shutdown()


class Slurm:
  """Jobs of a Slurm cluster, one a run, through submitit.

  Args:
    folder: for scripts and logs of submitit.
    threads: CPU cores of a run.
    options: of submitit, {'slurm_partition': 'gpu', 'timeout_min': '600', 'gpus_per_node': '1', ...}.
    slots: jobs that are in the queue at a time.
    cluster: 'slurm'; 'local' runs them here, as processes.

  Raises:
    UserError: submitit is not installed, this is no Slurm cluster, or there is no such option.
  """

  def __init__(self, folder: pathlib.Path, threads: int, options: Mapping[str, str], slots: float = math.inf,
               cluster: str = 'slurm'):
    try:
      import submitit  # pylint: disable=g-import-not-at-top  (an extra)
    except ImportError as error:
      raise errors.UserError("--engine=slurm: submitit is not installed; pip install 'tf_stugan[slurm]'") from error
    numbers = {name: int(value) if value.isdigit() else value for name, value in options.items()}
    try:
      self._executor = submitit.AutoExecutor(folder=str(folder), cluster=cluster)
      self._executor.update_parameters(**{'name': 'tf-stugan', 'cpus_per_task': threads, 'timeout_min': 24 * 60, **numbers})
    except (RuntimeError, NameError, TypeError, ValueError) as error:
      raise errors.UserError(f'--engine=slurm: {errors.first_line(error)}') from error
    self.slots = slots

  def submit(self, task: Task):
    return self._executor.submit(execute, task)

  def stop(self, handles) -> None:
    for handle in handles:
      with contextlib.suppress(subprocess.CalledProcessError):  # it ended by itself
        handle.cancel()  # SIGTERM to all of the job

  def close(self) -> None:
    """Does nothing: jobs need nobody here."""
