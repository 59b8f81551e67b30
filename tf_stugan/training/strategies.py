"""Makes the strategy that a run computes with, and tells which of several processes may write."""

from collections.abc import Mapping
import functools
import json
import os
import re
import signal

import tensorflow as tf

from tf_stugan import errors
from tf_stugan import signals
from tf_stugan.training import meeting

NAMES = ('one_device', 'mirrored', 'multi_worker', 'tpu')

_EXAMPLE = '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}'


def make(name: str, worker_timeout: float = 300) -> tf.distribute.Strategy:
  """Makes a strategy by name.

  Args:
    name: 'one_device' leaves placement to TensorFlow; 'mirrored' takes all GPUs (or logical CPUs) of this machine;
      'multi_worker' those of all processes that the environment variable TF_CONFIG names, and has to be made before
      TensorFlow is used for anything else; 'tpu' takes the TPU of this machine, or the one that TPU_NAME names.
    worker_timeout: how long to wait for the other workers, in seconds.

  Raises:
    UserError: there is no such strategy, or what it needs is missing.
    WorkerLostError: another worker did not answer in time.
  """
  if name == 'one_device':
    return tf.distribute.get_strategy()
  if name == 'mirrored':
    return _mirrored()
  if name == 'multi_worker':
    return _multi_worker(worker_timeout)
  if name == 'tpu':
    return _tpu()
  raise errors.UserError(f'--strategy={name}: there are {", ".join(NAMES)}.')


@functools.cache  # TensorFlow mixes up the collectives of two strategies over the same devices in one process
def _mirrored():
  kind = 'GPU' if tf.config.list_logical_devices('GPU') else 'CPU'
  return tf.distribute.MirroredStrategy([device.name for device in tf.config.list_logical_devices(kind)])


def _multi_worker(timeout):
  check_cluster(os.environ.get('TF_CONFIG', ''))
  config = json.loads(os.environ['TF_CONFIG'])
  cluster, task = config['cluster'], config['task']
  meeting.wait_for_all(cluster, cluster[task['type']][int(task['index'])], timeout)
  try:
    with signals.handled(signal.SIG_DFL):  # TensorFlow would keep Python from seeing them
      return tf.distribute.MultiWorkerMirroredStrategy()
  except (RuntimeError, ValueError, tf.errors.OpError) as error:  # an address that is taken, TensorFlow already in use ...
    raise errors.UserError(f'--strategy=multi_worker: {errors.first_line(error)}') from error


def check_cluster(text: str) -> None:
  """Raises UserError where TF_CONFIG is missing, or is not what a worker needs."""
  if not text:
    raise errors.UserError(
        f'--strategy=multi_worker needs the environment variable TF_CONFIG in every process, for example {_EXAMPLE}; '
        'tools/launch_local_workers.py sets it.')
  try:
    config = json.loads(text)
    cluster, task = config['cluster'], config['task']
    addresses = cluster[task['type']]
    index = int(task['index'])
  except (ValueError, KeyError, TypeError) as error:
    raise errors.UserError(
        f'TF_CONFIG is not as it should be ({type(error).__name__}: {error}); an example: {_EXAMPLE}') from error
  if unknown := set(cluster) - {'chief', 'worker'}:
    raise errors.UserError(f'TF_CONFIG names the jobs {sorted(unknown)}; there are chief (one, or none) and worker.')
  if odd := [job for job, of_job in cluster.items() if not isinstance(of_job, list)]:
    raise errors.UserError(f'TF_CONFIG: {odd[0]} is a list of addresses; got {cluster[odd[0]]!r}.')
  if not 0 <= index < len(addresses):
    raise errors.UserError(f'TF_CONFIG: there is no {task["type"]} {index} among {addresses}.')
  if bad := [a for job in cluster.values() for a in job if not _is_address(a)]:
    raise errors.UserError(f'TF_CONFIG: {bad[0]!r} is no address; they look like host:port, with a port of 1-65535.')


def _is_address(text):
  host, _, port = str(text).rpartition(':')
  return bool(host and re.fullmatch('[0-9]{1,5}', port)) and 0 < int(port) < 2**16


def _tpu():
  name = os.environ.get('TPU_NAME', 'local')
  try:
    resolver = tf.distribute.cluster_resolver.TPUClusterResolver(name)
    if name != 'local':
      tf.config.experimental_connect_to_cluster(resolver)
    tf.tpu.experimental.initialize_tpu_system(resolver)
    return tf.distribute.TPUStrategy(resolver)
  except (ImportError, RuntimeError, ValueError, tf.errors.OpError) as error:
    raise errors.UserError(
        f'--strategy=tpu: no TPU was found here ({errors.first_line(error)}). Run on a TPU machine, or set '
        'TPU_NAME.') from error


def describe(strategy: tf.distribute.Strategy) -> str:
  """Describes the devices of a strategy: 'NVIDIA H100', '2 replicas on CPU (4 cores; TensorFlow sees no GPU)'."""
  replicas, workers = strategy.num_replicas_in_sync, num_workers(strategy)
  gpus = tf.config.list_physical_devices('GPU')
  if isinstance(strategy, tf.distribute.TPUStrategy):
    place = 'TPU'
  elif gpus:
    place = tf.config.experimental.get_device_details(gpus[0]).get('device_name', 'GPU')
  else:
    place = f'CPU ({os.cpu_count()} cores; TensorFlow sees no GPU)'
  return (f'{replicas} replicas on ' if replicas > 1 else '') + place + (f', in {workers} processes' if workers > 1 else '')


def num_workers(strategy: tf.distribute.Strategy) -> int:
  """Counts the processes that share a run."""
  return sum(map(len, _cluster(strategy).values())) or 1


def is_chief(strategy: tf.distribute.Strategy) -> bool:
  """Tells whether this process is the one that writes: the 'chief' of a cluster, or its first worker."""
  cluster = _cluster(strategy)
  if not cluster:
    return True
  resolver = strategy.cluster_resolver
  return (resolver.task_type, resolver.task_id) == ('chief' if 'chief' in cluster else 'worker', 0)


def _cluster(strategy) -> Mapping[str, list[str]]:
  """Returns addresses by job; {} where there is one process only."""
  if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
    return strategy.cluster_resolver.cluster_spec().as_dict()
  return {}
