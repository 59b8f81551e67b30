"""A run that is killed again and again, and goes on, ends as one that was never stopped: bit for bit."""

import json
import random
import signal
import time

import numpy as np
import pytest

from tests import processes
from tf_stugan.training import saved_steps

STEPS = 24
# In the middle of every part of a save, between the graph and the hooks, between a row and the checkpoint of its step.
POINTS = ['save:begin', 'save:after_data', 'save:before_rename', 'save:after_rename', 'step', 'row', 'outside', 'outside',
          'save:after_data', 'step']


def moments():
  """Ten (point, step), ever later, in a fixed random order; the points of saves at steps that are saved."""
  draw = random.Random(20)
  points = draw.sample(POINTS, len(POINTS))
  return [(point, 2 * i + 2 if point.startswith(('save', 'row')) else 2 * i + draw.choice([1, 2]))
          for i, point in enumerate(points)]


def killed_from_outside(process, workdir, step):
  """Kills it once a row of this step is there: somewhere in what follows."""
  deadline = time.monotonic() + 120
  while process.poll() is None and time.monotonic() < deadline:
    text = (workdir / 'metrics.jsonl').read_text() if (workdir / 'metrics.jsonl').exists() else ''
    if any(f'"step": {later},' in text for later in range(step, STEPS + 1)):
      process.kill()
      break
    time.sleep(0.002)
  processes.finish(process)


@pytest.mark.slow
def test_ten_kills_and_a_run_without_any_end_alike(tmp_path):
  whole, killed = tmp_path / 'whole', tmp_path / 'killed'
  flags = {workdir: processes.arguments(workdir, tmp_path / 'cache', NUM_STEPS=STEPS) for workdir in (whole, killed)}
  code, output = processes.finish(processes.Fork(flags[whole]))
  assert code == 0, output
  resumed = []
  for point, step in moments():
    fault = '' if point == 'outside' else f'{point}@{step}'
    process = processes.Fork(flags[killed], TF_STUGAN_FAULT=fault)
    if point == 'outside':
      killed_from_outside(process, killed, step)
    else:
      _, output = processes.finish(process)
    assert process.returncode == -signal.SIGKILL, f'{point} at step {step}: {process.returncode}\n{output}'
    resumed.append(max(map(saved_steps.step_of, saved_steps.list_checkpoints(killed / 'checkpoints')), default=0))
  assert resumed == sorted(resumed) and resumed[-1] >= STEPS - 8  # it got on between the kills
  code, output = processes.finish(processes.Fork(flags[killed]))
  assert code == 0, output
  assert (killed / 'metrics.jsonl').read_bytes() == (whole / 'metrics.jsonl').read_bytes()
  ours, theirs = processes.variables(killed), processes.variables(whole)
  assert set(ours) == set(theirs) and len(ours) > 50
  for key in ours:
    np.testing.assert_array_equal(ours[key], theirs[key], err_msg=key)
  bests = [json.loads((w / 'checkpoints' / f'step-{STEPS:08d}' / 'state.json').read_text())['best'] for w in (killed, whole)]
  assert bests[0] == bests[1] and bests[0]
  assert not list((killed / 'checkpoints').glob('.writing*')) and not list((killed / 'checkpoints').glob('*.corrupt'))
