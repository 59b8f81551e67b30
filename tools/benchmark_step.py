"""What masks cost: a masked training step against a dense one, in time and memory, and a mask update against its interval.

All variants run in turn in one process, so that the machine's moods hit them alike; quoted are medians of ratios of
neighbours. Peak memory is of one process a variant, above what TensorFlow takes when it is imported.

  python tools/benchmark_step.py --generator_width=256 --discriminator_width=128 --batch=16 --rounds=9 --json
"""

import json
import pathlib
import re
import subprocess
import sys
import time

from absl import app
from absl import flags
import numpy as np

from tf_stugan import configuration

FLAGS = flags.FLAGS
flags.DEFINE_integer('generator_width', 256, 'Channels.')
flags.DEFINE_integer('discriminator_width', 128, 'Channels.')
flags.DEFINE_integer('batch', 16, 'Images of one update of either player.')
flags.DEFINE_integer('steps', 2, 'Steps a measurement.')
flags.DEFINE_integer('rounds', 9, 'Measurements of each variant.')
flags.DEFINE_integer('update_interval', 1000, 'Steps over which a mask update is spread.')
flags.DEFINE_bool('json', False, 'Print one JSON object.')
flags.DEFINE_string('memory_of', None, 'Used by the tool itself: print the peak memory of this method, in MB.')


def make_trainer(method: str):
  """(built trainer of an SNGAN, noise to train it on); method is 'dense' or 'stugan'."""
  bindings = {'GENERATOR_WIDTH': FLAGS.generator_width, 'DISCRIMINATOR_WIDTH': FLAGS.discriminator_width,
              'GENERATOR_BATCH': FLAGS.batch, 'DISCRIMINATOR_BATCH': FLAGS.batch, 'DISCRIMINATOR_UPDATES': 1,
              'BALANCE_INTERVAL': 10**9, 'RandomImages.num_images': 256, 'NUM_STEPS': 10**9}
  if method == 'stugan':
    bindings['UPDATE_INTERVAL'] = 10**9
  files = [configuration.find(f) for f in (f'sngan_cifar10_{method}.gin', 'runs/tiny.gin')]
  configuration.load(files, [f'{name} = {value}' for name, value in bindings.items()])
  experiment = configuration.make_experiment()
  data = experiment.data.load()
  experiment.trainer.build(data.image_shape)
  return experiment.trainer, data


def advance(trainer, data, steps: int) -> float:
  """Seconds a step."""
  start = time.perf_counter()
  trainer.fit(data, int(trainer.step.numpy()) + steps)
  return (time.perf_counter() - start) / steps


def resident_peak() -> float:
  """MB that this process has held at most (Linux)."""
  status = pathlib.Path('/proc/self/status').read_text()
  return int(re.search(r'VmHWM:\s*(\d+)', status)[1]) / 1024


def peak_memory(method: str) -> float:
  """MB at most while training, above what there was before."""
  before = resident_peak()
  advance(*make_trainer(method), 4)
  return resident_peak() - before


def main(_):
  if FLAGS.memory_of:
    sys.stdout.write(f'{peak_memory(FLAGS.memory_of)}\n')
    return
  (dense, data), (masked, _) = make_trainer('dense'), make_trainer('stugan')
  schedule = masked.methods['generator'].schedule
  times = []
  for _ in range(FLAGS.rounds + 1):
    row = [advance(dense, data, FLAGS.steps), advance(masked, data, FLAGS.steps)]
    interval, schedule.update_interval = schedule.update_interval, 1
    row.append(advance(masked, data, FLAGS.steps))
    schedule.update_interval = interval
    times.append(row)
  times = np.array(times[1:])  # the first round traces the graphs
  ratios = times[:, 1] / times[:, 0]
  update = np.maximum(times[:, 2] - times[:, 1], 0)
  # A child starts with the arguments of this process; its last line is the figure.
  memory = {m: float(subprocess.run([sys.executable, *sys.argv, f'--memory_of={m}'], check=True, capture_output=True,
                                    text=True).stdout.splitlines()[-1]) for m in ('dense', 'stugan')}
  result = {
      'masked_vs_dense': np.median(ratios), 'masked_vs_dense_range': [ratios.min(), ratios.max()],
      'mask_update_share': np.median(update / times[:, 1]) / FLAGS.update_interval,
      'memory_vs_dense': memory['stugan'] / memory['dense'],
      'dense_step_seconds': np.median(times[:, 0]), 'mask_update_seconds': np.median(update), 'memory_mb': memory}
  sys.stdout.write(json.dumps(result, default=float, indent=None if FLAGS.json else 1) + '\n')


if __name__ == '__main__':
  app.run(main)
