"""Tools leave alone what they did not write, and say so before they measure for an hour."""

import importlib
import json
import pathlib
import re
import subprocess
import sys

from absl import flags
from absl.testing import flagsaver
import numpy as np
import pandas as pd
from PIL import Image
import pytest
import tensorflow as tf

from tests import tiny
from tests.reports.test_records import run
from tf_stugan import cli
from tf_stugan import errors
from tf_stugan.export import fast_path

ROOT = pathlib.Path(__file__).parents[1]


@pytest.mark.parametrize('name, flag, file', [
    ('model_zoo', 'output', 'notes.md'), ('export_sizes', 'out', 'notes.md'), ('profile_edge', 'out', 'notes.md'),
    ('benchmark_edge', 'out', 'table.md'), ('time_runs', 'out', 'notes.md')])
def test_an_output_of_somebody_else_is_refused_at_once(name, flag, file, tmp_path, monkeypatch):
  monkeypatch.syspath_prepend(ROOT / 'tools')
  tool = importlib.import_module(name)
  (tmp_path / file).write_text('not yours')
  if not flags.FLAGS.is_parsed():
    flags.FLAGS(['test'])
  output = tmp_path if file == 'table.md' else tmp_path / file
  for work in ('models', 'make_output'):
    monkeypatch.delattr(tool, work, raising=False)  # it does not come that far
  with flagsaver.flagsaver(**{flag: str(output)}), pytest.raises(errors.UserError, match='not what this command wrote'):
    tool.main([])
  assert (tmp_path / file).read_text() == 'not yours'


def test_the_documents_are_what_the_tools_replace():
  for name, tool in (('models.md', 'model_zoo'), ('edge/sizes.md', 'export_sizes')):
    assert f'tools/{tool}.py' in (ROOT / 'docs' / name).read_text()


def test_times_at_the_edge_are_compared_with_the_fastest_dense_file(monkeypatch):
  monkeypatch.syspath_prepend(ROOT / 'tools')
  tool = importlib.import_module('benchmark_edge')
  names = ['transposed fp32', 'phases fp16', 'phases int8', 'lowered 0.1']
  files = [{'file': f'{i}.tflite', 'name': name, 'density': 1.0} for i, name in enumerate(names)]
  times = {'0.tflite': [8.0, 8.0], '1.tflite': [4.0, 6.0], '2.tflite': [1.0, 1.0], '3.tflite': [2.0, 2.0]}
  measured = {'machine': 'a', 'runtimes': {'Python': times, 'WebGPU': {'error': 'none here'}},
              'loading': {'Python': {'3.tflite': {'ms': 30.0, 'MiB': 7.5}}}}
  table = tool.make_table({'files': files}, [measured])
  lowered = table[table['name'] == 'lowered 0.1'].iloc[0]
  assert lowered['ms'] == 2 and lowered['/ transposed'] == 4 and lowered['/ fastest dense'] == 2.5  # floats only: not int8
  assert lowered['/ fastest dense, quartiles'] == '2.25 to 2.75'
  assert (lowered['load, ms'], lowered['load, MiB']) == (30, 7.5)
  assert table['name'].iloc[-1] == 'not timed: none here'


def test_loading_is_measured_in_a_process_of_its_own(tmp_path, monkeypatch):
  monkeypatch.syspath_prepend(ROOT / 'tools')
  time_files = importlib.import_module('edge.time_files')
  kernel = tf.constant(np.ones([1000, 4000], np.float32))  # 16 MB
  serve = tf.function(lambda x: x @ kernel, input_signature=[tf.TensorSpec([1, 1000])])
  model = tf.lite.TFLiteConverter.from_concrete_functions([serve.get_concrete_function()]).convert()
  (tmp_path / 'a.tflite').write_bytes(model)
  (tmp_path / 'files.json').write_text(json.dumps({'files': [{'file': 'a.tflite'}]}))
  measured = time_files.measure(tmp_path, 1)
  loading = measured['loading']['Python, 1 thread']['a.tflite']
  assert 14 < loading['MiB'] < 60 and loading['ms'] > 0
  assert len(measured['runtimes']['Python, 1 thread']['a.tflite']) == 1


@pytest.fixture(scope='module')
def made_runs(tmp_path_factory):
  """Workdirs of a dense and a sparse run, and the trainers of both."""
  trainers = {'dense': tiny.make_trainer(methods={}), 'sparse': tiny.make_trainer()}
  return {run(tmp_path_factory.mktemp('runs'), name, [3.0]): trainer for name, trainer in trainers.items()}


def test_trained_runs_are_timed_as_they_are_and_lowered_for_a_report(made_runs, tmp_path, monkeypatch):
  monkeypatch.syspath_prepend(ROOT / 'tools')
  tool = importlib.import_module('time_runs')
  if not flags.FLAGS.is_parsed():
    flags.FLAGS(['test'])
  trainers = {str(workdir.path): (workdir, trainer) for workdir, trainer in made_runs.items()}
  monkeypatch.setattr(tool.common, 'restore_trainer', lambda values: trainers[values.workdir])
  monkeypatch.setattr(tool.benchmark_edge, 'time_in_chromium', lambda folder, runtimes: {'runtimes': {
      runtimes[0]: {row['file']: [1.0, 2.0, 9.0] for row in json.loads((folder / 'files.json').read_text())['files']}}})
  given = {'workdirs': list(trainers), 'out': str(tmp_path / 'times.csv'), 'rounds': 3}
  with flagsaver.flagsaver(**given):
    tool.main([])
    tool.main([])  # over its own file
  table = pd.read_csv(tmp_path / 'times.csv', keep_default_na=False)
  dense, sparse = trainers
  assert list(zip(table['run'], table['form'], strict=True)) == [(dense, ''), (sparse, ''), (sparse, 'lowered')]
  assert (table['milliseconds, browser'] == 2).all() and (table['milliseconds, Python'] > 0).all()
  assert table['bytes'].nunique() == 3
  command = ['report', f'--workdirs={dense},{sparse}', f'--measurements={tmp_path}/times.csv', f'--output={tmp_path}/report']
  assert cli.main(['tf-stugan', *command]) == 0
  lines = pd.read_csv(tmp_path / 'report' / 'rows.csv').set_index('row')
  assert lines['bytes'].tolist() == table['bytes'].tolist() and lines.index[-1].endswith(', lowered')


def test_where_the_time_goes_is_told_by_kind_of_operation(monkeypatch):
  monkeypatch.syspath_prepend(ROOT / 'tools')
  tool = importlib.import_module('profile_edge')
  profiles = {'p': {'functions': {'wasm-function[1]': 9.0, '(idle)': 50.0}},
              's': {'functions': {'wasm-function[1]': 1.0, 'wasm-function[2]': 8.0}}}
  kernels = tool.kernels({'p': 'sparse product', 's': 'shift'}, profiles)
  assert kernels == {'wasm-function[1]': 'sparse product', 'wasm-function[2]': 'shift'}
  operations = [fast_path.Operation('', 'CONV_2D', (1, 8, 8, 100), 10**6, filter_size=100, filter_nonzeros=10)] * 2
  operations += [fast_path.Operation('', 'DEPTHWISE_CONV_2D', (1, 8, 8, 100), 10**6)]
  measured = {'functions': {'wasm-function[1]': 60.0, 'wasm-function[2]': 30.0, 'wasm-function[7]': 10.0, 'draw': 99.0}}
  assert tool.make_rows(operations, measured, kernels, 10) == [
      ['sparse product', 2, '0.2', '0.01', '6.00', '60%'], ['shift', 1, '1.0', '0.01', '3.00', '30%'],
      ['other operations, and calling all of them', 0, '0.0', '0.00', '1.00', '10%']]
  with pytest.raises(ValueError, match='same function'):
    tool.kernels({'p': 'sparse product', 'q': 'shift'}, {**profiles, 'q': profiles['p']})


def test_products_that_nobody_asks_for_are_not_counted(monkeypatch):
  monkeypatch.syspath_prepend(ROOT / 'tools')
  tool = importlib.import_module('count_products')

  @tf.function
  def move(x, kernel, matrix):
    with tf.GradientTape() as tape:
      tape.watch(x)
      y = tf.reduce_sum(tf.nn.conv2d(x, kernel, 2, 'SAME'))
    return tape.gradient(y, x), matrix @ matrix
  counts = tool.count(move, tf.ones([2, 8, 8, 3]), tf.ones([4, 4, 3, 5]), tf.ones([7, 7]))
  one_way = 2 * 4 * 4 * (4 * 4 * 3 * 5)  # each pixel of the smaller map, each weight; the sum of y needs y for nothing
  assert counts == {('Conv2DBackpropInput', (4, 4, 3, 5)): one_way, ('MatMul', ()): 7**3}


def test_work_elsewhere_answers_with_its_seconds_and_a_worker_that_is_gone_is_said(tmp_path, monkeypatch, capfd):
  monkeypatch.syspath_prepend(ROOT / 'tools')
  monkeypatch.setenv('PYTHONPATH', str(ROOT / 'tools'))
  timed_process = importlib.import_module('timed_process')
  (tmp_path / 'worker.py').write_text("""
import os, timed_process
timed_process.answer({'two': lambda: 2.0, 'given': lambda: float(os.environ['GIVEN'])})
""")
  process = timed_process.TimedProcess([tmp_path / 'worker.py'], {'GIVEN': '0.5'})
  assert [process.seconds(name) for name in ('given', 'two', 'given')] == [0.5, 2.0, 0.5]
  with pytest.raises(RuntimeError, match='without an answer'):
    process.seconds('three')
  process.close()
  assert 'three' in capfd.readouterr().err
  gone = timed_process.TimedProcess(['-c', 'raise SystemExit("no such framework")'])
  gone.process.wait()
  with pytest.raises(RuntimeError, match='without an answer'):
    gone.seconds('two')
  gone.close()
  assert 'no such framework' in capfd.readouterr().err


@pytest.mark.parametrize('block', [1, 4])
def test_files_to_be_timed_have_masks_of_blocks(block, monkeypatch):
  monkeypatch.syspath_prepend(ROOT / 'tools')
  tool = importlib.import_module('benchmark_edge')
  if not flags.FLAGS.is_parsed():
    flags.FLAGS(['test'])
  with flagsaver.flagsaver(width=8):
    kernel = tool.make_output('sngan', 0.2, block).network.blocks[1].conv1.kernel.numpy()
    assert tool.make_output('sngan', 1.0, width=4).network.blocks[1].conv1.kernel.shape == (3, 3, 4, 4)
  kept = kernel.reshape(-1, 2, 4).astype(bool)
  assert 0.1 < kept.mean() < 0.3
  assert (kept.any(-1) == kept.all(-1)).all() == (block == 4)


def check_gpu(*arguments):
  """Runs the tool on this CPU, at its smallest; returns what it tells, by part."""
  done = subprocess.run(
      [sys.executable, ROOT / 'tools' / 'gpu_check.py', '--generator_width=8', '--discriminator_width=8', '--rounds=1',
       *arguments], capture_output=True, text=True)
  fence, _, *lines, end = done.stdout.splitlines()
  assert fence == end == '```', done.stderr
  return dict(line.split(': ', 1) for line in lines)


@pytest.mark.slow
def test_the_check_of_a_gpu_measures_on_a_cpu():
  told = check_gpu('--batch=2', '--only=resume', '--only=update, float32', '--only=step, float32, masked')
  assert told['resume'] == "{'repeated': 0, 'resumed': 0}"
  player = r'\d+\.\d+ s, \d+\.\d+ of plain Keras'
  assert re.fullmatch(f'discriminator {player}; generator {player}', told['update, float32'])
  assert re.fullmatch(r'\d+\.\d+ s, [1-9]\d* MB', told['step, float32, masked'])


@pytest.mark.slow
def test_a_part_of_the_check_that_fails_is_a_line():
  told = check_gpu('--batch=0', '--only=resume', '--only=devices')
  assert told['resume'].startswith('exit code 2: gpu_check.py: ') and 'batch' in told['resume']  # not the end of its trace
  assert 'CPU:0' in told['devices']


@pytest.mark.slow
def test_every_figure_of_the_results_is_drawn_of_the_tables_beside_it(tmp_path, monkeypatch):
  monkeypatch.syspath_prepend(ROOT / 'tools')
  tool = importlib.import_module('draw_results')
  drawn = tool.draw(ROOT / 'docs', tmp_path)
  shown = set(re.findall(r'\]\(results/(\w+/[\w.+-]+\.png)\)', ''.join(
      page.read_text() for page in (ROOT / 'docs').glob('*.md'))))
  sheets = {name for name in shown if 'seeds' in Image.open(ROOT / 'docs' / 'results' / name).text}  # of `tf-stugan sample`
  assert {str(place) for place in drawn} == shown - sheets and len(drawn) >= 5
  assert all((tmp_path / place).stat().st_size > 10_000 for place in drawn)


@pytest.mark.slow  # starts several tools
def test_a_tool_tells_what_its_user_can_put_right_in_one_line(tmp_path):
  for command, code, told in (
      (['time_runs.py', f'--workdirs={tmp_path}/none', f'--out={tmp_path}/times.csv'], 2, 'time_runs.py: --workdirs='),
      (['benchmark_threads.py', '--settings=4'], 1, 'two numbers of threads each, such as 4,1')):
    done = subprocess.run([sys.executable, str(ROOT / 'tools' / command[0]), *command[1:]], capture_output=True, text=True,
                          check=False)
    assert done.returncode == code and told in done.stderr and 'Traceback' not in done.stderr
