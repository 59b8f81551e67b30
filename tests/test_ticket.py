"""Tickets as files: what a run begins with goes out and comes back, and nothing else is let in."""

import json

import numpy as np
import pytest

from tests import processes
from tests import tiny
from tf_stugan import cli
from tf_stugan import errors
from tf_stugan.sparsity import static_sparse
from tf_stugan.training import tickets

FILES = ('runs/train.gin', 'models/dcgan.gin', 'datasets/digits.gin', 'metrics/classifier.gin', 'methods/dense.gin')
BINDINGS = {'NUM_STEPS': 4, 'GENERATOR_WIDTH': 4, 'DISCRIMINATOR_WIDTH': 2, 'BALANCE_INTERVAL': 1,
            'RandomImages.num_images': 24}


def make_trainer(width=2, density=0.4, **kwargs):
  return tiny.make_trainer(methods={'generator': static_sparse.StaticSparse(density)}, width=width, **kwargs)


@pytest.fixture(scope='module')
def written(tmp_path_factory):
  """Returns (trainer, its ticket)."""
  path = tmp_path_factory.mktemp('ticket') / 'ticket.npz'
  trainer = make_trainer()
  tickets.write(path, trainer)
  return trainer, path


def test_masks_and_weights_come_back(written):
  trainer, path = written
  ticket = tickets.read(path)
  assert ticket.step == 0 and ticket.densities == {'generator': pytest.approx(0.4, abs=1e-2)}
  other = make_trainer(seed=7)
  tickets.assign(ticket, path, other)
  for part in ('masks', 'weights'):
    for name, variable in trainer.parts()[part].items():
      np.testing.assert_array_equal(other.parts()[part][name], variable, err_msg=name)


def rewritten(path, folder, change):
  """Writes the same archive with something changed: `change` takes {name: array}."""
  with np.load(path) as file:
    arrays = {name: file[name] for name in file.files}
  change(arrays)
  np.savez(folder / 'changed.npz', **arrays)
  return folder / 'changed.npz'


def told(arrays, **values):
  arrays[tickets.DESCRIPTION] = np.array(json.dumps({**json.loads(str(arrays[tickets.DESCRIPTION])), **values}))


KERNEL, MASK = 'weights/generator/block1/conv1/kernel', 'masks/generator/block1/conv1'
CHANGES = {
    'is no ticket': lambda a: a.pop(tickets.DESCRIPTION),
    'damaged': lambda a: a.update({KERNEL: np.array([{}], object)}),  # a pickle, which is not opened
    'another version': lambda a: told(a, format=2),
    'do not have the densities': lambda a: a.update({MASK: np.ones_like(a[MASK])}),
    'is no ticket of': lambda a: told(a, roles=[]),
    'it is damaged': lambda a: told(a, roles={'generator': ['generator']}),
    'have the densities that it names, {}': lambda a: told(a, roles={}, densities={}),
    'is nothing that a ticket holds': lambda a: a.update({'code': np.zeros(3)}),
    'has the type float64': lambda a: a.update({KERNEL: a[KERNEL].astype(np.float64)}),
    'is not finite': lambda a: a.update({KERNEL: a[KERNEL] * np.float32(np.nan)}),
}


@pytest.mark.parametrize('message', CHANGES)
def test_what_is_wrong_in_a_file_is_said_in_one_line(message, written, tmp_path):
  path = rewritten(written[1], tmp_path, CHANGES[message])
  with pytest.raises(errors.UserError, match=message) as info:
    tickets.read(path)
  assert '\n' not in str(info.value) and str(path) in str(info.value)


@pytest.mark.parametrize('content', [b'', b'no archive', b'PK\x03\x04cut off'])
def test_other_files_are_no_tickets(content, tmp_path):
  (tmp_path / 'x.npz').write_bytes(content)
  with pytest.raises(errors.UserError, match='is no ticket'):
    tickets.read(tmp_path / 'x.npz')
  with pytest.raises(errors.UserError, match='cannot be read: No such file'):
    tickets.read(tmp_path / 'nowhere.npz')


def test_a_byte_that_was_changed_anywhere_is_told_in_one_line(written, tmp_path):
  content, path = written[1].read_bytes(), tmp_path / 'damaged.npz'
  whole, refused = tickets.read(written[1]), 0
  for place in range(0, len(content), len(content) // 300):
    path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1:])
    try:
      ticket = tickets.read(path)  # some bytes of an archive say nothing
    except errors.UserError as error:
      assert str(path) in str(error) and '\n' not in str(error)
      refused += 1
    else:
      assert all(np.array_equal(array, whole.arrays[name]) for name, array in ticket.arrays.items())
  assert refused > 200


def test_a_ticket_for_other_networks_names_the_layer_and_assigns_nothing(written, tmp_path):
  _, path = written
  other = make_trainer(width=4)
  before = tiny.state(other)
  with pytest.raises(errors.UserError, match=r'is for other networks: masks/generator/\S+ is \[.*\] there and \[.*\] here'):
    tickets.assign(tickets.read(path), path, other)
  without = rewritten(path, tmp_path, lambda a: a.pop(KERNEL))
  with pytest.raises(errors.UserError, match=f'is for other networks: {KERNEL} is only here'):
    tickets.assign(tickets.read(without), without, make_trainer())
  for a, b in zip(before, tiny.state(other), strict=True):
    np.testing.assert_array_equal(a, b)


def test_a_dense_run_is_no_ticket(tmp_path):
  with pytest.raises(errors.UserError, match='no masks'):
    tickets.write(tmp_path / 'x.npz', tiny.make_trainer(methods={}, width=2))


@pytest.mark.slow
@pytest.mark.parametrize('method, layers', [('stugan', 'conv_only'), ('sdst_rigl', 'conv_and_dense')])
def test_a_ticket_of_a_run_that_explored_has_initial_weights_wherever_its_masks_went(method, layers, tmp_path):
  flags = [*(f'--gin_file={f}' for f in FILES), *(f'--gin_param={name} = {value}' for name, value in BINDINGS.items()),
           '--gin_file=runs/tiny.gin', '--gin_file=runs/noise.gin', f'--cache_dir={tmp_path}/cache']
  run, path = tmp_path / 'run', tmp_path / 'ticket.npz'
  assert cli.main(['tf-stugan', 'train', f'--workdir={run}', *flags, f'--gin_file=methods/{method}.gin',
                   '--gin_param=UPDATE_INTERVAL = 1', '--gin_param=GENERATOR_DENSITY = 0.3',
                   f'--gin_param=trainer.Trainer.layers = @layer_choice.{layers}']) == 0
  assert cli.main(['tf-stugan', 'ticket', f'--workdir={run}', f'--output={path}']) == 0
  ticket = tickets.read(path)
  found = {name: array for name, array in ticket.arrays.items() if name.startswith('masks/')}
  assert any(array.ndim == 2 for array in found.values()) == (layers == 'conv_and_dense')
  for name, mask in found.items():
    weights = ticket.arrays[f'{name.replace("masks", "weights", 1)}/kernel']
    np.testing.assert_array_equal(weights != 0, mask, err_msg=name)
  again = tmp_path / 'again'
  assert cli.main(['tf-stugan', 'train', f'--workdir={again}', *flags, f'--ticket={path}']) == 0
  first = next(json.loads(line) for line in (again / 'metrics.jsonl').read_text().splitlines() if '"cost"' in line)
  assert first['operations_before'] == ticket.operations_before > 0


@pytest.mark.slow
def test_a_round_and_a_run_from_its_ticket_end_alike(tmp_path, capsys):
  def command(name, *flags):
    return cli.main(['tf-stugan', name, *flags])
  ladder, again = tmp_path / 'ladder', tmp_path / 'again'
  flags = [*(f'--gin_file={f}' for f in FILES), *(f'--gin_param={name} = {value}' for name, value in BINDINGS.items()),
           '--gin_file=runs/tiny.gin', '--gin_file=runs/noise.gin', f'--cache_dir={tmp_path}/cache']
  capsys.readouterr()
  assert command('train', f'--workdir={ladder}', *flags, '--gin_file=procedures/imp_gd.gin', '--gin_param=ROUNDS = 2') == 0
  assert 'of them kept: density 0.64' in capsys.readouterr().err  # what a round is about to train
  assert command('sample', f'--workdir={ladder}') == 2
  assert f'take {ladder}/round-02, or another of dense, round-01, round-02' in capsys.readouterr().err
  assert command('sample', f'--workdir={ladder}/round-01', f'--output={tmp_path}/x.png') == 0
  # All of a ladder is scored again by one command, with every metric.
  again_scored = ['--gin_file=metrics/random_network.gin', '--gin_file=metrics/all.gin', '--gin_param=prd.num_clusters = 4']
  assert command('evaluate', f'--workdir={ladder}', *again_scored, f'--cache_dir={tmp_path}/cache') == 0
  for stage in ('dense', 'round-01', 'round-02'):
    row, = (json.loads(line) for line in (ladder / stage / 'evaluations.jsonl').read_text().splitlines())
    assert {'rfd', 'random_prd_f8', 'random_precision', 'random_coverage'} <= set(row) and row['step'] == 4
  assert command('evaluate', f'--workdir={tmp_path}', *again_scored) == 2
  assert 'holds no run' in capsys.readouterr().err
  for wrong, message in (([], 'is a ladder: say which by --round; it has 1, 2'), (['--round=3'], 'has the rounds 1, 2')):
    assert command('ticket', f'--workdir={ladder}', *wrong) == 2
    assert message in capsys.readouterr().err
  ticket = f'{tmp_path}/ticket.npz'
  assert command('ticket', f'--workdir={ladder}', '--round=2', f'--output={ticket}') == 0
  assert 'generator 64.' in capsys.readouterr().out
  assert command('ticket', f'--workdir={ladder}', '--round=2', f'--output={ticket}') == 0  # its own file may be replaced
  assert command('train', f'--workdir={again}', *flags, f'--ticket={ticket}') == 0
  ours, theirs = processes.variables(again), processes.variables(ladder / 'round-02')
  assert set(ours) == set(theirs)
  for name, value in theirs.items():
    np.testing.assert_array_equal(ours[name], value, err_msg=name)
  capsys.readouterr()
  assert command('train', f'--workdir={tmp_path}/other', f'--ticket={tmp_path}/none.npz', *flags) == 2
  assert 'none.npz cannot be read' in capsys.readouterr().err
  assert command('ticket', f'--workdir={again}', f'--output={tmp_path}/again.npz') == 2
  assert 'did not begin with random weights' in capsys.readouterr().err and not (tmp_path / 'again.npz').exists()
  assert command('train', f'--workdir={again}', f'--ticket={ticket}') == 2
  assert '--ticket is for the beginning of a run' in capsys.readouterr().err
