"""How fast a training step is: against plain Keras, masked against dense, and what a mask update adds.

All variants run in turn in one process, so that the machine's moods hit them alike; quoted are medians of ratios of
neighbours, with their range. Peak memory is of three processes a variant, above what TensorFlow takes when it is imported.

  python tools/benchmark_step.py --json
  python tools/benchmark_step.py --precision=bfloat16 --json      # the plain step stays in float32
  python tools/benchmark_step.py --jit_compile --json
  python tools/benchmark_step.py --torch --updates_only --json    # against PyTorch, too, where it is installed
  ONEDNN_MAX_CPU_ISA=AVX2 python tools/benchmark_step.py --updates_only --json    # the products of an older processor

discriminator_vs_plain, generator_vs_plain: one update of the masked player against that of tools/plain_sngan.py;
  ..._vs_torch: against that of tools/torch_sngan.py, a process that waits while others work.
discriminator_counted, generator_counted: the same ratio of multiply-adds in convolutions and matrix products.
masked_vs_dense: one whole step. mask_update_share: a mask update of the generator, spread over --update_interval steps.
"""

import functools
import json
import pathlib
import re
import subprocess
import sys
import time

from absl import app
from absl import flags
import count_products
import numpy as np
import plain_sngan
import tensorflow as tf
import timed_process
import user_errors

from tf_stugan import configuration
from tf_stugan import rng
from tf_stugan.data.images import Examples
from tf_stugan.training import hooks

PLAYERS = ('discriminator', 'generator')
_HERE = pathlib.Path(__file__).parent
_MEMORY_ROUNDS = 3  # processes of each method

FLAGS = flags.FLAGS
flags.DEFINE_integer('generator_width', 256, 'Channels.')
flags.DEFINE_integer('discriminator_width', 128, 'Channels.')
flags.DEFINE_integer('batch', 16, 'Real images of a discriminator update; a generator update makes twice as many.')
flags.DEFINE_integer('steps', 2, 'Steps a measurement.')
flags.DEFINE_integer('rounds', 9, 'Measurements of each variant.')
flags.DEFINE_integer('update_interval', 1000, 'Steps over which a mask update is spread.')
flags.DEFINE_string('precision', 'float32', 'PRECISION of the run.')
flags.DEFINE_bool('jit_compile', False, 'JIT_COMPILE of the run.')
flags.DEFINE_bool('updates_only', False, 'Measure against plain Keras only.')
flags.DEFINE_bool('torch', False, 'Measure against PyTorch, too.')
flags.DEFINE_bool('json', False, 'Print one JSON object.')
flags.DEFINE_string('memory_of', None, 'Used by the tool itself: print the peak memory of this method, in MB.')


def make_trainer(method: str):
  """Returns (built trainer of an SNGAN, noise to train it on); `method` is 'dense' or 'stugan'."""
  bindings = {'GENERATOR_WIDTH': FLAGS.generator_width, 'DISCRIMINATOR_WIDTH': FLAGS.discriminator_width,
              'GENERATOR_BATCH': 2 * FLAGS.batch, 'DISCRIMINATOR_BATCH': FLAGS.batch, 'DISCRIMINATOR_UPDATES': 1,
              'BALANCE_INTERVAL': 10**9, 'RandomImages.num_images': 256, 'NUM_STEPS': 10**9,
              'PRECISION': repr(FLAGS.precision), 'JIT_COMPILE': FLAGS.jit_compile}
  if method == 'stugan':
    bindings['UPDATE_INTERVAL'] = 10**9
  files = [configuration.find(f) for f in (f'sngan_cifar10_{method}.gin', 'runs/tiny.gin', 'runs/noise.gin')]
  configuration.load(files, [f'{name} = {value}' for name, value in bindings.items()])
  experiment = configuration.make_experiment()
  trainer = experiment.make_trainer()
  return trainer, experiment.build(trainer)


class Clock(hooks.Hook):
  """Takes the time of training without what surrounds it: the pipeline that reads the data is opened once a run."""

  def __init__(self):
    super().__init__(hooks.NEVER)  # no step is interrupted
    self.seconds = None

  def begin(self, trainer, step, num_steps):
    self.seconds = -time.perf_counter()

  def end(self):
    self.seconds += time.perf_counter()

  def __call__(self, trainer, step):
    pass


def advance(trainer, data, steps: int) -> float:
  """Trains so many steps; returns the seconds of one."""
  clock = Clock()
  trainer.fit(data, int(trainer.step.numpy()) + steps, [clock])
  return clock.seconds / steps


def updates(trainer):
  """Returns (an update of the discriminator, one of the generator), compiled; the former takes images."""
  def move(name, batch):
    turn, = (turn for turn in trainer.gan.turns if turn.name == name)
    return trainer.graph.moves.make(turn, batch, rng.seed(1, name, trainer.step), {})

  def compiled(function):
    return tf.function(function, jit_compile=FLAGS.jit_compile or None, autograph=False)

  labels = tf.zeros([FLAGS.batch], tf.int32)
  return (compiled(lambda images: move('discriminator', {'data': Examples(images, labels)}).scalars['loss']),
          compiled(lambda: move('generator', {}).scalars['loss']))


def against_references(trainer):
  """Times the trainer's updates of both players beside those of plain Keras and, with --torch, of PyTorch.

  Returns:
    {(player, way): seconds of each round}, and the ratios {player: ours / plain} of counted products.
  """
  images = tf.random.uniform([FLAGS.batch, 32, 32, 3], -1, 1)
  ours, plain = updates(trainer), plain_sngan.updates(FLAGS.generator_width, FLAGS.discriminator_width, FLAGS.batch)
  ways = {'masked': (lambda: ours[0](images), ours[1]),
          'plain': (lambda: plain[0](images), lambda: plain[1](2 * FLAGS.batch))}
  clocks = {(player, way): functools.partial(seconds, call)
            for way, calls in ways.items() for player, call in zip(PLAYERS, calls, strict=True)}
  if FLAGS.torch:
    sizes = FLAGS.generator_width, FLAGS.discriminator_width, FLAGS.batch
    process = timed_process.TimedProcess([str(_HERE / 'torch_sngan.py'), *map(str, sizes)])
    clocks |= {(player, 'torch'): functools.partial(process.seconds, player) for player in PLAYERS}
  rounds = [{name: clock() for name, clock in sorted(clocks.items())} for _ in range(FLAGS.rounds + 2)][2:]  # two trace
  counted = {'discriminator': count_products.count(ours[0], images).total() / count_products.count(plain[0], images).total(),
             'generator': count_products.count(ours[1]).total() / count_products.count(plain[1], 2 * FLAGS.batch).total()}
  return {name: np.array([times[name] for times in rounds]) for name in clocks}, counted


def seconds(call) -> float:
  """Returns the seconds of one call that returns a scalar."""
  start = time.perf_counter()
  call().numpy()
  return time.perf_counter() - start


def resident_peak() -> float:
  """Returns the MB that this process has held at most (Linux)."""
  status = pathlib.Path('/proc/self/status').read_text()
  return int(re.search(r'VmHWM:\s*(\d+)', status)[1]) / 1024


def peak_memory(method: str) -> float:
  """Returns the MB that training takes at most, above what there was before."""
  before = resident_peak()
  advance(*make_trainer(method), 4)
  return resident_peak() - before


def main(_):
  if FLAGS.memory_of:
    sys.stdout.write(f'{peak_memory(FLAGS.memory_of)}\n')
    return
  times, counted = against_references(make_trainer('stugan')[0])
  result = {f'{player}_counted': ratio for player, ratio in counted.items()}
  for (player, way), taken in times.items():
    result[f'{player}_seconds_{way}'] = np.median(taken)
    if way != 'masked':
      ratios = times[player, 'masked'] / taken
      result |= {f'{player}_vs_{way}': np.median(ratios), f'{player}_vs_{way}_range': [ratios.min(), ratios.max()]}
  if not FLAGS.updates_only:
    result.update(against_dense())
  sys.stdout.write(json.dumps(result, default=float, indent=None if FLAGS.json else 1) + '\n')


def against_dense():
  """Compares a masked step with a dense one, in time and memory; returns that, and what a mask update adds."""
  (dense, data), (masked, _) = make_trainer('dense'), make_trainer('stugan')
  schedule = masked.methods['generator'].schedule
  times = []
  for i in range(FLAGS.rounds + 1):
    turn = 1 if i % 2 else -1  # neither always comes after the other
    row = [advance(trainer, data, FLAGS.steps) for trainer in (dense, masked)[::turn]][::turn]
    interval, schedule.update_interval = schedule.update_interval, 1
    row.append(advance(masked, data, FLAGS.steps))
    schedule.update_interval = interval
    times.append(row)
  times = np.array(times[1:])  # the first round traces the graphs
  ratios = times[:, 1] / times[:, 0]
  update = np.maximum(times[:, 2] - times[:, 1], 0)
  # A child starts with the arguments of this process; its last line is the figure.
  memory = np.array([[float(subprocess.run([sys.executable, *sys.argv, f'--memory_of={m}'], check=True, capture_output=True,
                                           text=True).stdout.splitlines()[-1]) for m in ('dense', 'stugan')]
                     for _ in range(_MEMORY_ROUNDS)])
  memory_ratios = memory[:, 1] / memory[:, 0]
  return {
      'masked_vs_dense': np.median(ratios), 'masked_vs_dense_range': [ratios.min(), ratios.max()],
      'mask_update_share': np.median(update / times[:, 1]) / FLAGS.update_interval,
      'mask_update_share_range': [f(update / times[:, 1]) / FLAGS.update_interval for f in (np.min, np.max)],
      'memory_vs_dense': np.median(memory_ratios), 'memory_vs_dense_range': [memory_ratios.min(), memory_ratios.max()],
      'dense_step_seconds': np.median(times[:, 0]), 'mask_update_seconds': np.median(update),
      'memory_mb': dict(zip(('dense', 'stugan'), np.median(memory, axis=0), strict=True))}


if __name__ == '__main__':
  app.run(user_errors.in_one_line(main))
