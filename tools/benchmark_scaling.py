"""How training scales: images/s of one global batch on one device, on two replicas of one process, and of two processes.

Each way runs in processes of its own, one after the other, on CPU devices that share the machine's cores: what it costs to
share a batch shows here, not what more machines would bring. Quoted are medians over the rounds, after a warm-up that traces
the graph.

  python tools/benchmark_scaling.py --width=64 --batch=16 --steps=5 --rounds=7 --json
"""

import json
import os
import subprocess
import sys
import time

from absl import app
from absl import flags
import numpy as np
import user_errors

import launch_local_workers  # beside this file

FLAGS = flags.FLAGS
flags.DEFINE_integer('width', 64, 'Channels of both networks.')
flags.DEFINE_integer('batch', 16, 'Images of one update of either player, over all replicas.')
flags.DEFINE_integer('steps', 5, 'Steps a measurement.')
flags.DEFINE_integer('rounds', 7, 'Measurements of each way.')
flags.DEFINE_bool('json', False, 'Print one JSON object on one line.')
flags.DEFINE_string('strategy', None, 'Used by the tool itself: measure this strategy in this process.')

_WAYS = {'one_device': ('one_device', 1), 'two_replicas': ('mirrored', 1), 'two_processes': ('multi_worker', 2)}


def measure(name: str) -> list[float]:
  """Returns the images/s of each round."""
  import tensorflow as tf  # pylint: disable=g-import-not-at-top
  from tf_stugan import configuration  # pylint: disable=g-import-not-at-top
  from tf_stugan.training import strategies  # pylint: disable=g-import-not-at-top
  if name == 'mirrored':
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices('CPU')[0], [tf.config.LogicalDeviceConfiguration()] * 2)
  strategy = strategies.make(name)
  bindings = {'GENERATOR_WIDTH': FLAGS.width, 'DISCRIMINATOR_WIDTH': FLAGS.width, 'GENERATOR_BATCH': FLAGS.batch,
              'DISCRIMINATOR_BATCH': FLAGS.batch, 'BALANCE_INTERVAL': 10**9, 'UPDATE_INTERVAL': 10**9, 'NUM_STEPS': 10**9,
              'RandomImages.num_images': 256}
  configuration.load([configuration.find(f) for f in ('sngan_cifar10_stugan.gin', 'runs/tiny.gin', 'runs/noise.gin')],
                     [f'{name} = {value}' for name, value in bindings.items()])
  with strategy.scope():
    experiment = configuration.make_experiment()
    trainer = experiment.make_trainer()
    data = experiment.build(trainer)
  rates = []
  for round_ in range(FLAGS.rounds + 1):
    start = time.perf_counter()
    trainer.fit(data, FLAGS.steps * (round_ + 1))
    rates.append(FLAGS.steps * FLAGS.batch / (time.perf_counter() - start))
  return rates[1:]


def run(strategy: str, processes: int) -> list[float]:
  """Calls `measure` in new processes; returns what the first one measured."""
  addresses = [f'127.0.0.1:{port}' for port in launch_local_workers.free_ports(processes)]
  running = []
  for i in range(processes):
    config = json.dumps({'cluster': {'worker': addresses}, 'task': {'type': 'worker', 'index': i}})
    environment = {**os.environ, **({'TF_CONFIG': config} if processes > 1 else {})}
    running.append(subprocess.Popen([sys.executable, *sys.argv, f'--strategy={strategy}'], env=environment,
                                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True))
  outputs = [process.communicate()[0] for process in running]
  if any(process.returncode for process in running):
    raise RuntimeError(f'The measurement of {strategy} failed.')
  return json.loads(outputs[0].splitlines()[-1])


def main(_):
  if FLAGS.strategy:
    sys.stdout.write(json.dumps(measure(FLAGS.strategy)) + '\n')
    return
  rates = {way: run(*how) for way, how in _WAYS.items()}
  one = np.median(rates['one_device'])
  result = {way: {'images_per_second': float(np.median(values)), 'range': [min(values), max(values)],
                  'vs_one_device': float(np.median(values) / one)} for way, values in rates.items()}
  sys.stdout.write(json.dumps(result, indent=None if FLAGS.json else 1) + '\n')


if __name__ == '__main__':
  app.run(user_errors.in_one_line(main))
