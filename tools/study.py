"""The runs behind docs/results.md. Run it again to go on where it stopped.

  python tools/study.py --study=exploration --out=runs/exploration --data_dir=~/tensorflow_datasets
  python tools/study.py --study=methods --out=runs/methods --data_dir=~/tensorflow_datasets --only=adapt

exploration: when does exploration begin to pay? Dense, static and STU-GAN at two densities and several update intervals.
methods: every method at generator density 0.1, in short runs.
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
flags.DEFINE_enum('study', 'exploration', ['exploration', 'methods'], 'Which runs.')
flags.DEFINE_string('out', 'runs/exploration', 'Folder of the workdirs.')
flags.DEFINE_string('data_dir', None, 'Folder of prepared TensorFlow Datasets.')
flags.DEFINE_multi_integer('seed', [1, 2], 'Seeds, in the order in which they are run.')
flags.DEFINE_integer('jobs', 2, 'Runs at a time, one thread each.')
flags.DEFINE_string('only', '', 'Only runs whose name contains this.')
flags.DEFINE_bool('dry_run', False, 'Print the commands only.')

# Small enough for 15,000 steps in a quarter of an hour on one core; the same for every run.
_SIZE = {'GENERATOR_WIDTH': 24, 'DISCRIMINATOR_WIDTH': 16, 'GENERATOR_BATCH': 16, 'DISCRIMINATOR_BATCH': 16,
         'NUM_SAMPLES': 5000}


def exploration():
  """(name, method, bindings) of each run."""
  long = {'NUM_STEPS': 15_000}
  yield 'dense', 'dense', long
  for density in (0.05, 0.1):
    yield f'static_{density}', 'static', {**long, 'GENERATOR_DENSITY': density}
  for interval, density in itertools.product((500, 1000, 100, 2000), (0.05, 0.1)):
    yield f'stugan_{density}_every{interval}', 'stugan', {
        **long, 'GENERATOR_DENSITY': density, 'UPDATE_INTERVAL': interval}


def methods():
  """(name, method, bindings) of each run; the discriminator's density is 0.5 where the method does not decide it."""
  short = {'NUM_STEPS': 5000, 'GENERATOR_DENSITY': 0.1, 'UPDATE_INTERVAL': 250}
  yield 'dense', 'dense', {'NUM_STEPS': 5000}
  yield 'static_balanced', 'static', {'NUM_STEPS': 5000, 'GENERATOR_DENSITY': 0.1, 'DISCRIMINATOR_DENSITY': 0.1}
  yield 'static_strong', 'static', {'NUM_STEPS': 5000, 'GENERATOR_DENSITY': 0.1, 'DISCRIMINATOR_DENSITY': 1.0}
  yield 'static_weak', 'static', {'NUM_STEPS': 5000, 'GENERATOR_DENSITY': 0.1, 'DISCRIMINATOR_DENSITY': 0.03}
  for method in ('stugan', 'sdst_set', 'sdst_rigl', 'gmp'):
    yield method, method, {**short, 'DISCRIMINATOR_DENSITY': 0.5}
  yield 'snip', 'snip', {'NUM_STEPS': 5000, 'GENERATOR_DENSITY': 0.1, 'DISCRIMINATOR_DENSITY': 0.5}
  # The paper's bounds, 0.45 and 0.55, lie above what games of this size reach.
  for method in ('adapt_relaxed', 'adapt_strict'):
    yield method, method, {**short, 'LOWER_BOUND': 0.25, 'UPPER_BOUND': 0.35}
  yield 'prune_and_finetune', 'prune_and_finetune', {'NUM_STEPS': 5000, 'PRUNE_STEP': 2500, 'GENERATOR_DENSITY': 0.1}
  yield 'small_dense', 'small_dense', {'NUM_STEPS': 5000, 'GENERATOR_DENSITY': 0.1}


def command(name, method, bindings):
  parts = [sys.executable, '-m', 'tf_stugan.cli', 'train', f'--workdir={pathlib.Path(FLAGS.out) / name}',
           f'--gin_file=sngan_cifar10_small_{method}.gin']
  parts += [f'--gin_param={key} = {value}' for key, value in {**_SIZE, **bindings}.items()]
  return parts + ([f'--data_dir={FLAGS.data_dir}'] if FLAGS.data_dir else [])


def main(_):
  runs = {'exploration': exploration, 'methods': methods}[FLAGS.study]
  jobs = [(f"{name}_s{seed}", method, {**bindings, "SEED": seed})
          for seed in FLAGS.seed for name, method, bindings in runs()]
  jobs = [(job[0], command(*job)) for job in jobs if FLAGS.only in job[0]]
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
