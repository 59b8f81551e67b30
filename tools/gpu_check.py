"""What this library does on the accelerator of this machine: one command, one block to paste into an issue.

  python tools/gpu_check.py                           # SNGAN-32 at full width
  python tools/gpu_check.py --generator_width=16 --discriminator_width=16 --batch=4 --rounds=1    # small; on a CPU, too
  python tools/gpu_check.py --only='resume' --only='update, float32'

Every part runs in a process of its own, so that one that fails takes none of the others along; a part that fails is a line
with the reason. Lines are written as they come. Nothing is installed, written into the checkout or sent anywhere. Parts:

doctor: `tf-stugan doctor`; its lines name folders of this machine.
devices: what TensorFlow knows of each.
train: a short run of `tf-stugan train`, and the same on all devices by --strategy=mirrored.
resume: by how much variables differ when a run is repeated, and when it is saved and restored in the middle; 0 means equal
  to the last bit. Sums of a GPU are not repeatable, unless by TF_DETERMINISTIC_OPS: both ways are tried.
update: seconds of an update of either player, masked, in each precision and compiled by XLA, over those of plain Keras in
  float32.
step: seconds of a whole step, dense and masked, in each of these forms, and the memory that it takes at most.
"""

from collections.abc import Callable
import functools
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from absl import app
from absl import flags
import benchmark_step
import numpy as np
import tensorflow as tf
import user_errors

from tf_stugan.training import checkpoints

FLAGS = flags.FLAGS
_SIZES = ('generator_width', 'discriminator_width', 'batch', 'rounds')
for _name in _SIZES:
  flags.declare_key_flag(_name)  # those of benchmark_step
flags.DEFINE_integer('limit', 600, 'Seconds after which a part is given up.')
flags.DEFINE_multi_string('only', [], 'Parts, as lines begin; all if not given.')
flags.DEFINE_enum('part', None, ['devices', 'resume', 'step'], 'Used by the tool itself: run one part in this process.')
flags.DEFINE_string('method', 'stugan', 'Used by the tool itself: what a step is measured of.')

_TOOLS = pathlib.Path(__file__).parent
_FORMS = {'float32': [], 'bfloat16': ['--precision=bfloat16'], 'float16': ['--precision=float16'],
          'float32, XLA': ['--jit_compile'], 'bfloat16, XLA': ['--precision=bfloat16', '--jit_compile']}


# Parts that need a process of their own; each prints JSON as its last line. The process that waits touches no device.


def devices() -> dict:
  """Returns the names of all devices, with what TensorFlow knows of each."""
  config = tf.config.experimental
  return {d.name: config.get_device_details(d) if d.device_type == 'GPU' else {} for d in tf.config.list_physical_devices()}


def resume() -> dict:
  """Trains 20 steps three times, the last time through a checkpoint at step 10; returns how far apart the variables are."""
  def train(stops, folder):
    for stop in stops:
      trainer, data = benchmark_step.make_trainer('stugan')
      trainer.methods['generator'].schedule.update_interval = 4  # steps
      checkpoints.restore(trainer, folder)
      trainer.fit(data, stop)
      checkpoints.save(trainer, folder)
    return {part: [np.array(v) for v in variables.values()] for part, variables in trainer.parts().items()}
  with tempfile.TemporaryDirectory() as folder:
    first, repeated, resumed = (train(stops, pathlib.Path(folder, str(i))) for i, stops in enumerate([[20], [20], [10, 20]]))
  return {'repeated': _largest_differences(first, repeated), 'resumed': _largest_differences(first, resumed)}


def _largest_differences(a, b):
  """Returns the largest difference in each part that differs; 0 where none does."""
  largest = {part: max(map(_distance, a[part], b[part]), default=0) for part in a}
  return {part: value for part, value in largest.items() if value} or 0


def _distance(a, b):
  return float(np.abs(a.astype(float) - b.astype(float)).max(initial=0))


def step() -> dict:
  """Returns seconds of a step, and the megabytes that it takes at most: on the first GPU, or above what TensorFlow takes."""
  gpu = tf.config.list_physical_devices('GPU')
  before = 0 if gpu else benchmark_step.resident_peak()
  trainer, data = benchmark_step.make_trainer(FLAGS.method)
  benchmark_step.advance(trainer, data, 4)  # the first of them traces
  seconds = np.median([benchmark_step.advance(trainer, data, 4) for _ in range(FLAGS.rounds)])
  peak = tf.config.experimental.get_memory_info('GPU:0')['peak'] / 1e6 if gpu else benchmark_step.resident_peak()
  return {'seconds': seconds, 'MB': peak - before}


# The process that waits; it touches no device.


def _line(name, work):
  """Returns what comes of some work, or why nothing does."""
  sys.stderr.write(f'{name} ...\n')
  try:
    return f'{name}: {work()}'
  except subprocess.TimeoutExpired:
    return f'{name}: given up after {FLAGS.limit} s'
  except subprocess.CalledProcessError as error:
    said = error.stderr.strip().splitlines() or ['']
    return f'{name}: {error.stdout}exit code {error.returncode}: {said[-1][:300]}'


def _call(*arguments, **environment):
  """Runs a Python command; returns what it wrote."""
  environment = {**os.environ, 'TF_CPP_MIN_LOG_LEVEL': '3', 'PYTHONPATH': os.pathsep.join(sys.path), **environment}
  return subprocess.run([sys.executable, *map(str, arguments)], check=True, capture_output=True, text=True,
                        timeout=FLAGS.limit, env=environment).stdout


def _measure(tool, *options, **environment):
  """Returns the last line that a tool writes, read as JSON."""
  return json.loads(_call(_TOOLS / tool, *_sizes(), *options, **environment).splitlines()[-1])


def _sizes():
  return [f'--{name}={FLAGS[name].value}' for name in _SIZES]


def _doctor():
  return '\n' + _call('-m', 'tf_stugan.cli', 'doctor').rstrip()


def _train(strategy):
  with tempfile.TemporaryDirectory() as folder:
    start = time.perf_counter()
    _call('-m', 'tf_stugan.cli', 'train', f'--workdir={folder}/run', f'--strategy={strategy}',
          '--gin_file=sngan_cifar10_stugan.gin', '--gin_file=runs/tiny.gin', '--gin_file=runs/noise.gin')
  return f'done in {time.perf_counter() - start:.0f} s'


def _update(options):
  result = _measure('benchmark_step.py', '--updates_only', '--json', *options)
  return '; '.join(f'{player} {result[f"{player}_seconds_masked"]:.4f} s, {result[f"{player}_vs_plain"]:.2f} of plain Keras'
                   for player in benchmark_step.PLAYERS)


def _step(method, options):
  result = _measure('gpu_check.py', '--part=step', f'--method={method}', *options)
  return f'{result["seconds"]:.4f} s, {result["MB"]:.0f} MB'


def parts() -> dict[str, Callable[[], object]]:
  """Returns {name: what does it and returns what is told of it}."""
  part = functools.partial(functools.partial, _measure, 'gpu_check.py')
  works = {'doctor': _doctor, 'devices': part('--part=devices')}
  works |= {f'train, {strategy}': functools.partial(_train, strategy) for strategy in ('one_device', 'mirrored')}
  works |= {'resume': part('--part=resume'), 'resume, deterministic': part('--part=resume', TF_DETERMINISTIC_OPS='1')}
  works |= {f'update, {form}': functools.partial(_update, options) for form, options in _FORMS.items()}
  return works | {f'step, {form}, {name}': functools.partial(_step, method, options)
                  for form, options in _FORMS.items() for name, method in (('dense', 'dense'), ('masked', 'stugan'))}


def main(_):
  if FLAGS.part:
    result = {'devices': devices, 'resume': resume, 'step': step}[FLAGS.part]()
    sys.stdout.write(json.dumps(result, default=str) + '\n')
    return
  works = parts()
  if unknown := set(FLAGS.only) - set(works):
    raise app.UsageError(f'--only={unknown.pop()}: there are {"; ".join(works)}.')
  sys.stdout.write('```\n' + ' '.join(_sizes()) + '\n')
  for name in FLAGS.only or works:
    sys.stdout.write(_line(name, works[name]) + '\n')
    sys.stdout.flush()
  sys.stdout.write('```\n')


if __name__ == '__main__':
  app.run(user_errors.in_one_line(main))
