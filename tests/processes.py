"""Real `tf-stugan train` processes on a GAN of a few hundred weights, for tests that kill, signal and multiply them."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import tensorflow as tf

from tf_stugan.training import checkpoints

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
  variables = {**os.environ, 'PYTHONPATH': str(ROOT), 'TF_CPP_MIN_LOG_LEVEL': '2', **environment}
  return subprocess.Popen(
      [sys.executable, *command], env=variables, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def train(flags: list[str], **environment: str) -> subprocess.Popen:
  return start(['-m', 'tf_stugan.cli', 'train', *flags], **environment)


def finish(process: subprocess.Popen, timeout: float = 120) -> tuple[int, str]:
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
  reader = tf.train.load_checkpoint(str(checkpoints.list_checkpoints(workdir / 'checkpoints')[-1] / 'variables'))
  return {key: reader.get_tensor(key) for key in reader.get_variable_to_shape_map() if not key.startswith('_CHECKPOINT')}
