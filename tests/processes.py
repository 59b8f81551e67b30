"""Real `tf-stugan train` processes on a GAN of a few hundred weights, for tests that kill, signal and multiply them."""

import multiprocessing
from multiprocessing import forkserver
import os
import pathlib
import subprocess
import sys
import tempfile
from unittest import mock

import numpy as np
import tensorflow as tf

from tf_stugan import cli
from tf_stugan.training import saved_steps

ROOT = pathlib.Path(__file__).parent.parent

# Every step does the same (an update of masks, a measurement), so that there is one graph to trace.
_BINDINGS = {'GENERATOR_WIDTH': 4, 'DISCRIMINATOR_WIDTH': 2, 'UPDATE_INTERVAL': 1, 'BALANCE_INTERVAL': 1,
             'GENERATOR_DENSITY': 0.4, 'Train.checkpoint_interval': 2, 'RandomImages.num_images': 24}
_FILES = ('runs/train.gin', 'models/dcgan.gin', 'datasets/digits.gin', 'metrics/classifier.gin', 'methods/stugan.gin',
          'runs/tiny.gin', 'runs/noise.gin')


def arguments(workdir: pathlib.Path, cache: pathlib.Path, **bindings) -> list[str]:
  """Flags of `tf-stugan train`."""
  values = {**_BINDINGS, **bindings}
  return [f'--workdir={workdir}', f'--cache_dir={cache}', *(f'--gin_file={f}' for f in _FILES),
          *(f'--gin_param={name} = {value}' for name, value in values.items())]


def start(command: list[str], **environment: str) -> subprocess.Popen:
  """A process whose output is read through `finish`."""
  return subprocess.Popen([sys.executable, *command], env=_variables(environment), cwd=ROOT, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)


def _variables(environment):
  return {**os.environ, 'PYTHONPATH': str(ROOT), 'TF_CPP_MIN_LOG_LEVEL': '2', **environment}


def train(flags: list[str], **environment: str) -> subprocess.Popen:
  return start(['-m', 'tf_stugan.cli', 'train', *flags], **environment)


class Fork:
  """`tf-stugan train` as a copy of a process that has imported TensorFlow and not used it yet, as far as `subprocess.Popen`.

  It takes half of the time of a process from the start, and is killed just as well; where a test is about how a process
  begins or ends, it takes `train`.
  """

  def __init__(self, flags: list[str], **environment: str):
    file, self._output = tempfile.mkstemp()
    os.close(file)
    self._process = _FORKS.Process(target=_train, args=(self._output, flags, environment))
    with mock.patch.dict(os.environ, _variables({})):  # for the process that is copied
      forkserver.ensure_running()
    self._process.start()

  def kill(self) -> None:
    self._process.kill()

  def poll(self) -> int | None:
    return self._process.exitcode

  returncode = property(poll)

  def communicate(self, timeout: float | None = None) -> tuple[str, None]:
    self._process.join(timeout)
    if self._process.is_alive():
      raise subprocess.TimeoutExpired('tf-stugan train', timeout)
    output = pathlib.Path(self._output).read_text()
    os.remove(self._output)
    return output, None


_FORKS = multiprocessing.get_context('forkserver')
_FORKS.set_forkserver_preload(['tf_stugan.commands.train', __name__])


def _train(output, flags, environment):
  """What a copy does."""
  with open(output, 'wb') as file:
    os.dup2(file.fileno(), 1)
    os.dup2(file.fileno(), 2)
  os.environ.update(environment)
  sys.path[:0] = environment.get('PYTHONPATH', '').split(os.pathsep)
  sys.argv = ['tf-stugan', 'train', *flags]
  cli.run()


def finish(process: subprocess.Popen | Fork, timeout: float = 120) -> tuple[int, str]:
  """(exit code, output); a process that takes longer than `timeout` seconds is killed."""
  try:
    output, _ = process.communicate(timeout=timeout)
  except subprocess.TimeoutExpired:
    process.kill()
    output, _ = process.communicate()
    raise AssertionError(f'It did not end within {timeout} seconds:\n{output}') from None
  return process.returncode, output


def variables(workdir: pathlib.Path) -> dict[str, np.ndarray]:
  """Everything in the newest checkpoint, by its key."""
  reader = tf.train.load_checkpoint(str(saved_steps.list_checkpoints(workdir / 'checkpoints')[-1] / 'variables'))
  return {key: reader.get_tensor(key) for key in reader.get_variable_to_shape_map() if not key.startswith('_CHECKPOINT')}
