"""Two processes train one run: the result is that of one process, and stopping one of them stops both, resumably."""

import os
import re
import signal
import threading

import numpy as np
import pytest

from tests import processes
from tf_stugan import cli
from tf_stugan.training import saved_steps
from tf_stugan.training.workdir import Workdir

STEPS = 30
LAUNCH = ['tools/launch_local_workers.py', '--workers=2', '--grace_seconds=20', '--']

pytestmark = [pytest.mark.slow, pytest.mark.multiprocess]


class Pair:
  """Two workers of the launcher; a watchdog ends them if they hang."""

  def __init__(self, flags):
    self.process = processes.start([*LAUNCH, *flags])
    self.lines, self.pids = [], {}
    self._watchdog = threading.Timer(150, self._end)
    self._watchdog.start()

  def _end(self):
    for pid in self.pids.values():
      try:
        os.kill(pid, signal.SIGKILL)
      except ProcessLookupError:
        continue
    self.process.kill()

  def until(self, pattern):
    """Reads on until a line matches; False at the end of the output."""
    for line in self.process.stdout:
      self.lines.append(line)
      if match := re.match(r'\[(\d)\] is process (\d+) at 127', line):
        self.pids[int(match[1])] = int(match[2])
      if pattern and re.search(pattern, line):
        return True
    return False

  def finish(self):
    """(exit code, output)"""
    self.until(None)
    self.process.wait()
    self.process.stdout.close()
    self._watchdog.cancel()
    return self.process.returncode, ''.join(self.lines)


@pytest.fixture(scope='module')
def place(tmp_path_factory):
  return tmp_path_factory.mktemp('workers')


def flags_of(place, name):
  return processes.arguments(place / name, place / 'cache', NUM_STEPS=STEPS)


@pytest.fixture(scope='module')
def whole(place):
  """The workdir of a run of two workers that was not stopped."""
  code, output = Pair(flags_of(place, 'whole')).finish()
  assert code == 0, output
  return place / 'whole'


def test_two_workers_do_what_one_process_with_two_replicas_does(place, whole):
  flags = flags_of(place, 'mirrored')
  assert cli.main(['tf-stugan', 'train', '--strategy=mirrored', *flags]) == 0
  ours, theirs = processes.variables(whole), processes.variables(place / 'mirrored')
  assert set(ours) == set(theirs)
  for key, value in ours.items():
    if value.dtype.kind == 'f':
      np.testing.assert_allclose(value, theirs[key], rtol=1e-5, atol=1e-5, err_msg=key)
    else:  # masks, counters
      np.testing.assert_array_equal(value, theirs[key], err_msg=key)
  assert cli.main(['tf-stugan', 'train', *flags]) == 0  # one device takes up what two replicas left


def test_one_of_them_writes(whole):
  assert len(list((whole / 'events').iterdir())) == 1
  steps = [row['step'] for row in Workdir(whole).rows() if row['kind'] == 'train']
  assert steps == list(range(2, STEPS + 1, 2))


def test_a_signal_to_one_stops_both_at_one_step_and_they_go_on_exactly(place, whole):
  flags = flags_of(place, 'stopped')
  pair = Pair(flags)
  assert pair.until(r'\[0\] .*step 6/'), ''.join(pair.lines)
  os.kill(pair.pids[1], signal.SIGTERM)  # not the chief
  code, output = pair.finish()
  assert code == 42, output
  stopped = re.findall(r'\[(\d)\] .*Stopped at step (\d+)', output)
  assert {worker for worker, _ in stopped} == {'0', '1'} and len({step for _, step in stopped}) == 1
  saved = saved_steps.step_of(saved_steps.list_checkpoints(place / 'stopped' / 'checkpoints')[-1])
  assert 6 <= saved == int(stopped[0][1]) < STEPS
  code, output = Pair(flags).finish()
  assert code == 0 and f'Going on from the checkpoint of step {saved}' in output, output
  ours, theirs = processes.variables(place / 'stopped'), processes.variables(whole)
  for key, value in theirs.items():
    np.testing.assert_array_equal(ours[key], value, err_msg=key)
  assert (place / 'stopped' / 'metrics.jsonl').read_bytes() == (whole / 'metrics.jsonl').read_bytes()


def test_when_one_dies_the_other_says_so_and_both_can_go_on(place):
  pair = Pair(flags_of(place, 'died'))
  assert pair.until(r'\[0\] .*step 4/'), ''.join(pair.lines)
  os.kill(pair.pids[1], signal.SIGKILL)
  code, output = pair.finish()
  assert code == 7, output
  assert re.search(r'\[0\] tf-stugan train: Another worker of this run is gone', output), output
  assert '[0] Traceback' not in output
  assert saved_steps.list_checkpoints(place / 'died' / 'checkpoints')
  pair = Pair(flags_of(place, 'died'))
  assert pair.until(r'\[0\] .*Going on from the checkpoint') and pair.until(r'\[0\] .*step \d+/'), ''.join(pair.lines)
  pair.process.send_signal(signal.SIGINT)  # to the launcher, which passes it on
  code, output = pair.finish()
  assert code == 42 and len(re.findall(r'Stopped at step', output)) == 2, output


def test_what_only_the_chief_sees_ends_both(place, whole):
  code, output = Pair(processes.arguments(place / 'whole', place / 'cache', NUM_STEPS=STEPS + 1)).finish()
  assert code == 2 and f'NUM_STEPS: {STEPS} -> {STEPS + 1}' in output, output
  assert 'Traceback' not in output


def test_a_mistake_in_the_configuration_is_told_and_ends_both(place):
  code, output = Pair([f'--workdir={place}/new', '--gin_file=nothing.gin']).finish()
  assert code == 2 and 'tf-stugan list experiments' in output, output
  assert not (place / 'new').exists()
