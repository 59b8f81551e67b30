"""Trains with several processes on this machine: each is a worker of one run, with its own devices and its own replicas.

What stands after `--` goes to `tf-stugan train`; --strategy=multi_worker is added.

  python tools/launch_local_workers.py --workers=2 -- --workdir=runs/a --gin_file=quickstart.gin

Every line of output begins with the worker's number; worker 0 is the chief, the only one that writes. Ctrl-C, SIGTERM and
SIGHUP are passed on: all workers stop at the same step, the chief saves, and the same command goes on from there. If one
worker fails, the others are ended. Exit code: that of the first worker that failed, 7 if it was killed; 42 if all stopped on
request; else 0.

On machines of their own, start the command on each with TF_CONFIG set instead, on one shared folder:
  TF_CONFIG='{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}' \\
      tf-stugan train --strategy=multi_worker --workdir=/shared/a ...
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

from absl import app
from absl import flags

from tf_stugan import signals

FLAGS = flags.FLAGS
flags.DEFINE_integer('workers', 2, 'Processes.', lower_bound=1)
flags.DEFINE_integer('grace_seconds', 30, 'How long the others may take to end once one has failed; then they are killed.')

_LOST, _RESUMABLE = 7, 42  # exit codes of tf-stugan train


def free_ports(count: int) -> list[int]:
  """Finds ports of 127.0.0.1 that nobody listens on."""
  with contextlib.ExitStack() as stack:
    sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
    for s in sockets:
      s.bind(('127.0.0.1', 0))
    return [s.getsockname()[1] for s in sockets]


def start(index: int, addresses: list[str], arguments: list[str]) -> tuple[subprocess.Popen, threading.Thread]:
  """Starts one worker; returns it, and the thread that prints what it says."""
  config = {'cluster': {'worker': addresses}, 'task': {'type': 'worker', 'index': index}}
  process = subprocess.Popen(
      [sys.executable, '-m', 'tf_stugan.cli', 'train', '--strategy=multi_worker', *arguments],
      env={**os.environ, 'TF_CONFIG': json.dumps(config)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
      errors='replace', start_new_session=True)  # so that a Ctrl-C of the terminal comes once, through us
  sys.stdout.write(f'[{index}] is process {process.pid} at {addresses[index]}\n')
  relay = threading.Thread(target=_relay, args=(index, process.stdout), daemon=True)
  relay.start()
  return process, relay


def _relay(index, lines):
  for line in lines:  # to the last one, or the worker could not go on writing
    with contextlib.suppress(OSError):  # the terminal was closed
      sys.stdout.write(f'[{index}] {line}')
      sys.stdout.flush()


def supervise(workers: list[subprocess.Popen]) -> int:
  """Waits for all; returns the exit code of the whole."""
  failed, deadline = None, None
  while any(worker.poll() is None for worker in workers):
    time.sleep(0.1)
    failed = failed if failed is not None else _failure(workers)
    if failed is not None and deadline is None:
      deadline = time.monotonic() + FLAGS.grace_seconds
      _signal(workers, signal.SIGTERM)
    if deadline is not None and time.monotonic() > deadline:
      _signal(workers, signal.SIGKILL)
  failed = failed if failed is not None else _failure(workers)
  if failed is not None:
    return failed
  return max(worker.returncode for worker in workers)


def _failure(workers):
  """Returns the exit code of one that failed; `_LOST` only where all that failed were killed or lost the others."""
  codes = [worker.poll() for worker in workers]
  failures = {_LOST if code < 0 else code for code in codes if code not in (None, 0, _RESUMABLE)}
  return min(failures, key=lambda code: (code == _LOST, code), default=None)


def _signal(workers, number):
  for worker in workers:
    if worker.poll() is None:
      worker.send_signal(number)


def main(argv):
  addresses = [f'127.0.0.1:{port}' for port in free_ports(FLAGS.workers)]
  workers, relays = zip(*(start(i, addresses, argv[1:]) for i in range(FLAGS.workers)), strict=True)

  def pass_on(number, _):
    signals.forget_lost_terminal()
    _signal(workers, number)
  with signals.handled(pass_on):
    code = supervise(workers)
  for relay in relays:
    relay.join(timeout=5)
  sys.exit(code)


if __name__ == '__main__':
  app.run(main)
