"""What TensorFlow's thread settings do to a training step: threads within an operation, and operations at a time.

Each setting has a process of its own, which waits while another works; quoted are medians of ratios to the first setting in
the same round. TensorFlow's own default is as many of both as there are cores.

  python tools/benchmark_threads.py --steps=20 --json
  python tools/benchmark_threads.py --experiment=sngan_cifar10_stugan --settings=4,4 --settings=4,1 --settings=2,2 --steps=1

A setting reaches any command of the project by the same two variables: TF_NUM_INTRAOP_THREADS, TF_NUM_INTEROP_THREADS.
"""

import json
import os
import re
import sys

from absl import app
from absl import flags
import benchmark_step
import numpy as np
import timed_process
import user_errors

from tf_stugan import configuration

FLAGS = flags.FLAGS
flags.DEFINE_string('experiment', 'sngan_cifar10_small_stugan', 'Gin file of an experiment; trained on random images.')
flags.DEFINE_multi_string('settings', [], 'Threads within an operation, operations at a time; by default both of all cores, '
                          'then one of either, then one of both.')
flags.register_validator('settings', lambda texts: all(re.fullmatch(r'[1-9]\d*,[1-9]\d*', text) for text in texts or ()),
                         'two numbers of threads each, such as 4,1')
flags.DEFINE_bool('worker', False, 'Used by the tool itself: train in this process.')
for _name in ('steps', 'rounds', 'json'):
  flags.declare_key_flag(_name)  # of benchmark_step


def train():
  """Trains --steps steps for each line on standard input."""
  configuration.load([configuration.find(f) for f in (FLAGS.experiment + '.gin', 'runs/noise.gin')],
                     ['NUM_STEPS = 1000000000', 'RandomImages.num_images = 1000'])
  experiment = configuration.make_experiment()
  trainer = experiment.make_trainer()
  data = experiment.build(trainer)
  timed_process.answer({'train': lambda: benchmark_step.advance(trainer, data, FLAGS.steps)})


def compare(settings: list[str]) -> dict:
  """Returns {setting: seconds of a step, and the ratio to the first setting}."""
  command = [__file__, '--worker', f'--experiment={FLAGS.experiment}', f'--steps={FLAGS.steps}']
  workers = [timed_process.TimedProcess(command, dict(zip(
      ('TF_NUM_INTRAOP_THREADS', 'TF_NUM_INTEROP_THREADS'), setting.split(','), strict=True))) for setting in settings]
  times = np.array([[worker.seconds('train') for worker in workers] for _ in range(FLAGS.rounds + 1)])[1:]
  for worker in workers:
    worker.close()
  ratios = times / times[:, :1]
  return {setting: {'seconds': np.median(column), 'ratio': np.median(ratio), 'ratio_range': [ratio.min(), ratio.max()]}
          for setting, column, ratio in zip(settings, times.T, ratios.T, strict=True)}


def main(_):
  if FLAGS.worker:
    train()
    return
  cores = len(os.sched_getaffinity(0))
  settings = FLAGS.settings or [f'{cores},{cores}', f'{cores},1', f'1,{cores}', '1,1']
  sys.stdout.write(json.dumps(compare(settings), default=float, indent=None if FLAGS.json else 1) + '\n')


if __name__ == '__main__':
  app.run(user_errors.in_one_line(main))
