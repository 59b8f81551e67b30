"""When does exploration begin to pay? Trains the runs of docs/results.md; run it again to go on where it stopped.

  python tools/exploration_study.py --out=runs/exploration --data_dir=~/tensorflow_datasets --jobs=2
"""

import concurrent.futures
import itertools
import os
import pathlib
import shlex
import subprocess
import sys

from absl import app
from absl import flags
from absl import logging

FLAGS = flags.FLAGS
flags.DEFINE_string('out', 'runs/exploration', 'Folder of the workdirs.')
flags.DEFINE_string('data_dir', None, 'Folder of prepared TensorFlow Datasets.')
flags.DEFINE_multi_integer('seed', [1, 2], 'Seeds, in the order in which they are run.')
flags.DEFINE_integer('jobs', 2, 'Runs at a time, one thread each.')
flags.DEFINE_bool('dry_run', False, 'Print the commands only.')

# Small enough for 15,000 steps in a quarter of an hour on one core; the same for every run.
_SIZE = {'GENERATOR_WIDTH': 24, 'DISCRIMINATOR_WIDTH': 16, 'GENERATOR_BATCH': 16, 'DISCRIMINATOR_BATCH': 16,
         'NUM_STEPS': 15_000, 'NUM_SAMPLES': 5000}
_DENSITIES = (0.05, 0.1)
_INTERVALS = (500, 1000, 100)


def runs(seed: int):
  """(name, experiment, bindings) of every run with this seed."""
  yield f'dense_s{seed}', 'sngan_cifar10_small_dense.gin', {}
  for density in _DENSITIES:
    yield f'static_{density}_s{seed}', 'sngan_cifar10_small_static.gin', {'GENERATOR_DENSITY': density}
  for interval, density in itertools.product(_INTERVALS, _DENSITIES):
    yield (f'stugan_{density}_every{interval}_s{seed}', 'sngan_cifar10_small_stugan.gin',
           {'GENERATOR_DENSITY': density, 'UPDATE_INTERVAL': interval})


def command(name, experiment, bindings, seed):
  parts = [sys.executable, '-m', 'tf_stugan.cli', 'train', f'--workdir={pathlib.Path(FLAGS.out) / name}',
           f'--gin_file={experiment}']
  parts += [f'--gin_param={key} = {value}' for key, value in {**_SIZE, **bindings, 'SEED': seed}.items()]
  return parts + ([f'--data_dir={FLAGS.data_dir}'] if FLAGS.data_dir else [])


def main(_):
  jobs = [(name, command(name, *rest, seed)) for seed in FLAGS.seed for name, *rest in runs(seed)]
  if FLAGS.dry_run:
    sys.stdout.write('\n'.join(shlex.join(parts) for _, parts in jobs) + '\n')
    return
  environment = {**os.environ, 'TF_NUM_INTRAOP_THREADS': '1', 'TF_NUM_INTEROP_THREADS': '1'}
  pathlib.Path(FLAGS.out).mkdir(parents=True, exist_ok=True)

  def train(job):
    name, parts = job
    with open(pathlib.Path(FLAGS.out) / f'{name}.log', 'a') as log:
      code = subprocess.run(parts, env=environment, stdout=log, stderr=log, check=False).returncode
    logging.info('%s: exit code %d', name, code)

  with concurrent.futures.ThreadPoolExecutor(FLAGS.jobs) as pool:
    list(pool.map(train, jobs))


if __name__ == '__main__':
  app.run(main)
