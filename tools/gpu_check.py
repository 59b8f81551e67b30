"""What this library does on the accelerator of this machine: one command, ten minutes, one block to paste into an issue.

  python tools/gpu_check.py --batch=64
  python tools/gpu_check.py --generator_width=16 --discriminator_width=8 --batch=4    # small; on a CPU, too

Every part runs in a process of its own, so that one that fails takes none of the others along; a part that fails is a line
with the reason. Nothing is installed, written into the checkout or sent anywhere. Parts:

devices: what TensorFlow sees.
train: a short run of `tf-stugan train`, and the same on all devices by --strategy=mirrored.
resume: a run that was saved and restored in the middle against one that was not; 0 means equal to the last bit.
steps: seconds of an update of either player in each precision and compiled by XLA, with plain Keras in float32 beside it.
masks: a masked step against a dense one, and the peak of the device's memory.
"""

import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time

from absl import app
from absl import flags
import benchmark_step
import numpy as np
import tensorflow as tf

import tf_stugan
from tf_stugan.training import checkpoints

FLAGS = flags.FLAGS  # sizes are those of benchmark_step
flags.DEFINE_integer('limit', 600, 'Seconds after which a part is given up.')
flags.DEFINE_enum('part', None, ['devices', 'resume', 'masks'], 'Used by the tool itself: run one part in this process.')

_TOOLS = pathlib.Path(__file__).parent
_STEPS = {'float32': [], 'bfloat16': ['--precision=bfloat16'], 'float16': ['--precision=float16'],
          'float32, XLA': ['--jit_compile'], 'bfloat16, XLA': ['--precision=bfloat16', '--jit_compile']}
_METHODS = ('dense', 'stugan')


# Parts that need a process of their own; each prints JSON as its last line. The process that waits touches no device.


def devices() -> dict:
  """Returns the names of all devices, with what TensorFlow knows of each."""
  config = tf.config.experimental
  return {d.name: config.get_device_details(d) if d.device_type == 'GPU' else {} for d in tf.config.list_physical_devices()}


def resume() -> dict:
  """Trains 20 steps twice, the second time through a checkpoint at step 10; returns by how much the variables differ."""
  def train(stops, folder):
    for stop in stops:
      trainer, data = benchmark_step.make_trainer('stugan')
      trainer.methods['generator'].schedule.update_interval = 4  # steps
      checkpoints.restore(trainer, folder)
      trainer.fit(data, stop)
      checkpoints.save(trainer, folder)
    return {part: [np.array(v) for v in variables.values()] for part, variables in trainer.parts().items()}
  with tempfile.TemporaryDirectory() as folder:
    whole, parted = (train(stops, pathlib.Path(folder, str(len(stops)))) for stops in ([20], [10, 20]))
  largest = {part: max(map(_distance, whole[part], parted[part]), default=0) for part in whole}
  return {'largest difference by part': {part: value for part, value in largest.items() if value} or 0}


def _distance(a, b):
  return float(np.abs(a.astype(float) - b.astype(float)).max(initial=0))


def masks() -> dict:
  """Returns seconds of a step of each method, and megabytes at most on the first device."""
  gpu = tf.config.list_physical_devices('GPU')
  result = {}
  for method in _METHODS:
    trainer, data = benchmark_step.make_trainer(method)
    benchmark_step.advance(trainer, data, 4)
    times = sorted(benchmark_step.advance(trainer, data, 4) for _ in range(FLAGS.rounds))
    peak = tf.config.experimental.get_memory_info('GPU:0')['peak'] / 1e6 if gpu else benchmark_step.resident_peak()
    result[method] = {'seconds a step': times[len(times) // 2], 'MB at the peak': peak}
    if gpu:
      tf.config.experimental.reset_memory_stats('GPU:0')
  return result


# The process that waits.


def _call(name, *arguments):
  """Runs a command; returns (its last line, '') or ('', what went wrong)."""
  sys.stderr.write(f'{name} ...\n')
  environment = {**os.environ, 'TF_CPP_MIN_LOG_LEVEL': '3', 'PYTHONPATH': os.pathsep.join(sys.path)}
  try:
    done = subprocess.run([sys.executable, *map(str, arguments)], capture_output=True, text=True, timeout=FLAGS.limit,
                          env=environment)
  except subprocess.TimeoutExpired:
    return '', f'given up after {FLAGS.limit} s'
  lines = (done.stdout if done.returncode == 0 else done.stderr or done.stdout).strip().splitlines() or ['']
  return (lines[-1], '') if done.returncode == 0 else ('', f'exit code {done.returncode}: {lines[-1][:300]}')


def _part(name):
  line, error = _call(name, __file__, f'--part={name}', *_sizes())
  return error or json.dumps(json.loads(line), default=str)


def _sizes():
  return [f'--{name}={FLAGS[name].value}' for name in ('generator_width', 'discriminator_width', 'batch', 'rounds')]


def _train(strategy):
  with tempfile.TemporaryDirectory() as folder:
    start = time.perf_counter()
    _, error = _call(
        f'train, {strategy}', '-m', 'tf_stugan.cli', 'train', f'--workdir={folder}/run', f'--strategy={strategy}',
        '--gin_file=sngan_cifar10_stugan.gin', '--gin_file=runs/tiny.gin', '--gin_file=runs/noise.gin')
  return error or f'done in {time.perf_counter() - start:.0f} s'


def _step_times(name):
  line, error = _call(f'step, {name}', _TOOLS / 'benchmark_step.py', '--updates_only', '--json', *_sizes(), *_STEPS[name])
  if error:
    return error
  result = json.loads(line)
  return '; '.join(f'{player} {result["update_seconds"][player]:.4f} s, {result[f"{player}_vs_plain"]:.2f} of plain Keras'
                   for player in ('discriminator', 'generator'))


def report() -> str:
  """Runs all parts; returns the block."""
  lines = [f'{platform.platform()}, Python {platform.python_version()}, '
           f'tf_stugan {tf_stugan.__version__}, tensorflow {tf.__version__}',
           ' '.join(_sizes()), f'devices: {_part("devices")}']
  lines += [f'train, {strategy}: {_train(strategy)}' for strategy in ('one_device', 'mirrored')]
  lines += [f'resume: {_part("resume")}']
  lines += [f'update, {name}: {_step_times(name)}' for name in _STEPS]
  lines += [f'masks: {_part("masks")}']
  return '\n'.join(['```', *lines, '```', ''])


def main(_):
  if FLAGS.part:
    result = {'devices': devices, 'resume': resume, 'masks': masks}[FLAGS.part]()
    sys.stdout.write(json.dumps(result, default=str) + '\n')
  else:
    sys.stdout.write(report())


if __name__ == '__main__':
  app.run(main)
