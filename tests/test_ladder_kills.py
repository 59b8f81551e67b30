"""A ladder that is killed again and again, in any of its stages, ends as one that was not: bit for bit."""

import random
import signal

import numpy as np
import pytest

from tests import processes

STAGES = ('dense', 'round-01', 'round-02')
FILES = ('runs/train.gin', 'models/dcgan.gin', 'datasets/digits.gin', 'metrics/classifier.gin', 'methods/dense.gin',
         'procedures/imp_gd_kd.gin', 'runs/tiny.gin', 'runs/noise.gin')
BINDINGS = {'ROUNDS': 2, 'NUM_STEPS': 4, 'GENERATOR_WIDTH': 4, 'DISCRIMINATOR_WIDTH': 2, 'Train.checkpoint_interval': 2,
            'BALANCE_INTERVAL': 1, 'RandomImages.num_images': 24}
POINTS = ('save:begin', 'save:after_data', 'save:before_rename', 'save:after_rename', 'step', 'row')


def flags(workdir, cache):
  return [f'--workdir={workdir}', f'--cache_dir={cache}', *(f'--gin_file={f}' for f in FILES),
          *(f'--gin_param={name} = {value}' for name, value in BINDINGS.items())]


KILLS = 6  # ten, tried once, end alike, too; each is a process that starts


@pytest.mark.slow
@pytest.mark.multiprocess
def test_kills_and_a_ladder_without_any_end_alike(tmp_path):
  whole, killed = tmp_path / 'whole', tmp_path / 'killed'
  code, output = processes.finish(processes.train(flags(whole, tmp_path / 'cache')), 300)
  assert code == 0, output
  draw, faults = random.Random(13), []
  for _ in range(KILLS):
    faults.append(f'{draw.choice(POINTS)}@{draw.choice([2, 4])}')
    code, output = processes.finish(processes.train(flags(killed, tmp_path / 'cache'), TF_STUGAN_FAULT=faults[-1]), 300)
    assert code == -signal.SIGKILL, f'{faults}: {code}\n{output}'
  code, output = processes.finish(processes.train(flags(killed, tmp_path / 'cache')), 300)
  assert code == 0, f'{faults}\n{output}'
  for stage in STAGES:
    ours, theirs = processes.variables(killed / stage), processes.variables(whole / stage)
    assert set(ours) == set(theirs) and len(ours) > 50
    for key in ours:
      np.testing.assert_array_equal(ours[key], theirs[key], err_msg=f'{stage}: {key}')
    assert (killed / stage / 'metrics.jsonl').read_bytes() == (whole / stage / 'metrics.jsonl').read_bytes()
  assert (killed / 'ladder.json').read_bytes() == (whole / 'ladder.json').read_bytes()
