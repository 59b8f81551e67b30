"""A procedure of stages that is killed again and again, in any of them, ends as one that was not: bit for bit."""

import signal

import numpy as np
import pytest

from tests import processes
from tf_stugan.training import saved_steps

# (model, procedure, stages, what it writes beside them)
LADDER = ('dcgan', 'imp_gd_kd', ('dense', 'round-01', 'round-02'), ('ladder.json',))
CHANNELS = ('sngan', 'gs32', ('dense', 'search', 'extracted'), ('extracted/config.gin',))
BINDINGS = {'NUM_STEPS': 4, 'GENERATOR_WIDTH': 4, 'DISCRIMINATOR_WIDTH': 2, 'Train.checkpoint_interval': 2,
            'BALANCE_INTERVAL': 1, 'RandomImages.num_images': 24}
# Ten kills, and the steps that the three stages are saved at after each: every stage goes on from its first checkpoint; they
# come at several points of a save, between the graph and the hooks, between a row and the checkpoint of its step.
KILLS = (
    ('save:after_rename@2', (2, 0, 0)), ('step@4', (2, 0, 0)), ('row@4', (2, 0, 0)), ('save:before_rename@2', (4, 0, 0)),
    ('save:after_rename@2', (4, 2, 0)), ('step@4', (4, 2, 0)), ('save:after_data@4', (4, 2, 0)),
    ('save:begin@2', (4, 4, 0)), ('save:after_rename@2', (4, 4, 2)), ('row@4', (4, 4, 2)))


def flags(workdir, cache, model, procedure):
  files = ('runs/train.gin', f'models/{model}.gin', 'datasets/digits.gin', 'metrics/classifier.gin', 'methods/dense.gin',
           f'procedures/{procedure}.gin', 'runs/tiny.gin', 'runs/noise.gin')
  own = {'ROUNDS': 2} if model == 'dcgan' else {'RHO': 2.5}  # to 0 in four steps
  return [f'--workdir={workdir}', f'--cache_dir={cache}', *(f'--gin_file={f}' for f in files),
          *(f'--gin_param={name} = {value}' for name, value in {**BINDINGS, **own}.items())]


@pytest.mark.slow
@pytest.mark.multiprocess
@pytest.mark.parametrize('model, procedure, stages, files', [LADDER, CHANNELS], ids=['ladder', 'channels'])
def test_ten_kills_and_a_run_without_any_end_alike(model, procedure, stages, files, tmp_path):
  whole, killed = (flags(tmp_path / name, tmp_path / 'cache', model, procedure) for name in ('whole', 'killed'))
  code, output = processes.finish(processes.Fork(whole), 300)
  assert code == 0, output
  for fault, saved in KILLS:
    code, output = processes.finish(processes.Fork(killed, TF_STUGAN_FAULT=fault), 300)
    assert code == -signal.SIGKILL, f'{fault}: {code}\n{output}'
    assert tuple(saved_steps.newest_step(tmp_path / 'killed' / stage / 'checkpoints') for stage in stages) == saved, fault
  code, output = processes.finish(processes.Fork(killed), 300)
  assert code == 0, output
  whole, killed = tmp_path / 'whole', tmp_path / 'killed'
  for stage in stages:
    ours, theirs = processes.variables(killed / stage), processes.variables(whole / stage)
    assert set(ours) == set(theirs) and len(ours) > 50
    for key in ours:
      np.testing.assert_array_equal(ours[key], theirs[key], err_msg=f'{stage}: {key}')
    assert (killed / stage / 'metrics.jsonl').read_bytes() == (whole / stage / 'metrics.jsonl').read_bytes()
  for file in files:
    assert (killed / file).read_text().replace('killed', 'whole') == (whole / file).read_text()
