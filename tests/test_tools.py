"""Tools leave alone what they did not write, and say so before they measure for an hour."""

import importlib
import json
import pathlib
import re
import subprocess
import sys

from absl import flags
from absl.testing import flagsaver
from PIL import Image
import pytest

from tf_stugan import errors

ROOT = pathlib.Path(__file__).parents[1]


@pytest.mark.parametrize('name, flag, file', [
    ('model_zoo', 'output', 'notes.md'), ('export_sizes', 'out', 'notes.md'), ('benchmark_edge', 'out', 'table.md')])
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
  measured = {'machine': 'a', 'runtimes': {'Python': times, 'WebGPU': {'error': 'none here'}}}
  table = tool.make_table({'files': files}, [measured])
  lowered = table[table['name'] == 'lowered 0.1'].iloc[0]
  assert lowered['ms'] == 2 and lowered['/ 0.2'] == 4 and lowered['/ fastest dense'] == 2.5  # floats only: not int8
  assert lowered['/ fastest dense, quartiles'] == '2.25 to 2.75'
  assert table['name'].iloc[-1] == 'not timed: none here'


@pytest.mark.slow
def test_the_check_of_a_gpu_finds_a_resumed_run_equal_on_a_cpu():
  arguments = ['--part=resume', '--generator_width=8', '--discriminator_width=8', '--batch=2']
  done = subprocess.run([sys.executable, ROOT / 'tools' / 'gpu_check.py', *arguments], capture_output=True, text=True)
  assert json.loads(done.stdout.splitlines()[-1]) == {'largest difference by part': 0}, done.stderr


def test_every_figure_of_the_results_is_drawn_of_the_tables_beside_it(tmp_path, monkeypatch):
  monkeypatch.syspath_prepend(ROOT / 'tools')
  tool = importlib.import_module('draw_results')
  drawn = tool.draw(ROOT / 'docs', tmp_path)
  shown = set(re.findall(r'\]\(results/(\w+/[\w.]+\.png)\)', ''.join(
      (ROOT / 'docs' / f'{page}.md').read_text() for page in ('results', 'claims'))))
  sheets = {name for name in shown if 'seeds' in Image.open(ROOT / 'docs' / 'results' / name).text}  # of `tf-stugan sample`
  assert {str(place) for place in drawn} == shown - sheets and len(drawn) >= 5
  assert all((tmp_path / place).stat().st_size > 10_000 for place in drawn)
