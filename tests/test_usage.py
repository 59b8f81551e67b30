"""What is answered without TensorFlow, whose import takes seconds: help, mistakes in flags, and `report`."""

import importlib
import os
import subprocess
import sys
import types

from absl import flags
import pytest

from tests import processes
from tests.reports.test_records import run
from tf_stugan import cli
from tf_stugan.metrics import cost
from tf_stugan.training import strategies
from tf_stugan.usage import common
from tf_stugan.usage import export
from tf_stugan.usage import sample
from tf_stugan.usage import train

_PROGRAM = """
import sys
import types
from tf_stugan import cli
code = cli.main(sys.argv)
heavy = {'tensorflow', 'tf_keras'} & set(sys.modules)
sys.exit(f'imported: {heavy}' if heavy else code)
"""


def call(*arguments, cwd=None):
  """(exit code, output) of a process of its own; code 1 if it imported TensorFlow."""
  done = subprocess.run(
      [sys.executable, '-c', _PROGRAM, *map(str, arguments)], cwd=cwd, env={**os.environ, 'PYTHONPATH': str(processes.ROOT)},
      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
  return done.returncode, done.stdout


@pytest.mark.parametrize('arguments', [
    [], ['--help'], ['--version'], *([command, '--help'] for command in cli.COMMANDS)])
def test_help_needs_no_tensorflow(arguments):
  code, out = call(*arguments)
  assert code == (0 if arguments else 2), out
  assert out.strip()


@pytest.mark.parametrize('arguments, message', [
    (['trian'], 'Did you mean train?'),
    (['train', '--no_such_flag=1'], 'no_such_flag'),
    (['train', '--workdir=new', 'word'], "unexpected argument 'word'"),
    (['train'], '--workdir is needed'),
    (['train', '--workdir=new'], 'name an experiment'),
    (['train', '--workdir=new', '--gin_file=quikstart.gin'], 'quickstart.gin'),
    (['train', '--workdir=new', '--gin_file=quickstart.gin', '--strategy=cluster'], 'one_device'),
    (['train', '--workdir=new', '--gin_file=quickstart.gin', '--gin_param=NUM_STEP = 3'], 'Did you mean NUM_STEPS?'),
    (['train', '--workdir=new', '--gin_file=quickstart.gin', '--gin_param=FOO = 3'], 'no FOO. `tf-stugan train --dry_run`'),
    (['flops', '--gin_file=runs/tiny.gin', '--gin_file=quickstart.gin'], 'quickstart.gin is a whole experiment, and would '
     'overrule the files before it (tiny.gin): give it first'),
    (['flops', '--gin_file=quickstart.gin', '--gin_param=NUM_STEPS'], "expected ':' or '='"),
    (['data', 'check', 'digits', '--gin_param=IMAGE_RESOLUTON = 3'], 'Did you mean IMAGE_RESOLUTION?'),
    (['evaluate', '--workdir=new'], 'does not exist'),
    (['sample', '--workdir=.'], 'no config.gin'),
    (['sample', '--workdir=.', '--seeds=a-b'], '--seeds=a-b'),
    (['export', '--workdir=.', '--layout=dense'], 'sparse_lowered'),
    (['demo', '--workdir=new'], 'does not exist'),
    (['flops'], 'Name an experiment'),
    (['flops', '--gin_file=quickstart.gin', '--convention=mine'], 'published:adapt'),
    (['doctor', '--gin_file=quikstart.gin'], 'quickstart.gin'),
    (['data', 'chek', 'digits'], "'chek'"),
    (['data', 'check', 'digts'], 'digits'),
    (['list'], 'models, datasets, methods, procedures, experiments, studies'),
    (['list', 'method'], 'Did you mean methods?'),
    (['report', '--workdirs=new'], '--workdirs=new: there is no such folder'),
    (['report', '--workdirs=new', '--figure=FCD'], 'give two columns'),
    (['study', '--workdir=new'], 'Name a study or an experiment'),
    (['study', '--workdir=new', '--gin_file=studies/methods_smal.gin'], 'methods_small.gin'),
    (['study', '--workdir=new', '--gin_file=quickstart.gin', '--axis=GENERATOR_DENSITY'], "such as --axis='GENERATOR"),
    (['study', '--workdir=new', '--gin_file=quickstart.gin', '--axis=A=1', '--axis=A=2'], 'A is there twice'),
    (['study', '--workdir=new', '--gin_file=quickstart.gin', '--seeds=x'], '--seeds=x'),
    (['study', '--workdir=new', '--gin_file=quickstart.gin', '--seeds=3,9-5'], '--seeds=3,9-5'),
    (['study', '--workdir=new', '--gin_file=quickstart.gin', '--slurm=a=b'], '--slurm is for --engine=slurm'),
])
def test_mistakes_in_flags_need_no_tensorflow(arguments, message, tmp_path):
  code, out = call(*arguments, cwd=tmp_path)
  assert code == 2, out
  assert message in out and 'Traceback' not in out


def test_a_mistake_in_a_binding_of_a_run_that_goes_on_needs_none_either(tmp_path):
  (tmp_path / 'config.gin').write_text('# Workdir of tf_stugan, format 2\nNUM_STEPS = 3\n')
  code, out = call('train', f'--workdir={tmp_path}', '--gin_param=NUM_STEP = 4')
  assert code == 2 and 'Did you mean NUM_STEPS?' in out


def test_report_needs_no_tensorflow(tmp_path):
  run(tmp_path, 'a', [9.0, 4.0])
  run(tmp_path, 'b', [8.0, 3.0], density=0.2)
  code, out = call('report', f'--workdirs={tmp_path}/*', f'--output={tmp_path}/report')
  assert code == 0, out
  assert {'fcd.png', 'density.pdf', 'report.html'} <= {path.name for path in (tmp_path / 'report').iterdir()}


_PATHS = ('workdir', 'data_dir', 'cache_dir', 'ticket', 'input', 'output', 'images', 'against', 'license', 'runtime',
          'measurements', 'gin_file')


def test_paths_may_begin_with_the_home_folder(monkeypatch):
  monkeypatch.setenv('HOME', '/home/somebody')
  found = set()
  for command in cli.COMMANDS:
    values = flags.FlagValues()
    importlib.import_module(f'tf_stugan.usage.{command}').define_flags(values)
    for name in set(_PATHS) & set(values):
      values[name].parse('~/x')
      value, = values[name].value if name == 'gin_file' else [values[name].value]
      assert value == '/home/somebody/x', (command, name)
      found.add(name)
  assert found == set(_PATHS)


@pytest.mark.parametrize('path', ['runs/a', 'runs/a, b', 'runs/"a", b', '"a"'])
def test_a_path_with_commas_is_one_item_of_a_flag(path):
  values = flags.FlagValues()
  flags.DEFINE_list('workdirs', None, 'Folders.', flag_values=values)
  values(['', f'--workdirs={common.quote_item(path)}'])
  assert values['workdirs'].value == [path]


def test_closed_outputs_are_no_mistake():
  command = f'{sys.executable} -m tf_stugan.cli list models >&- 2>&-'
  assert subprocess.run(command, shell=True, check=False).returncode == 0


def test_flags_offer_what_there_is():
  values = flags.FlagValues()
  common.define_convention_flag(values)
  train.define_flags(values)
  assert values['convention'].parser.enum_values == [c.name for c in cost.CONVENTIONS]
  assert values['strategy'].parser.enum_values == list(strategies.NAMES)


@pytest.mark.parametrize('which, names', [
    (None, ['generator.tflite', 'generator.onnx', 'saved_model', 'samples.png']),
    ('b_to_a', ['b_to_a.tflite', 'b_to_a.onnx', 'b_to_a_saved_model', 'samples-b_to_a.png'])])
def test_each_thing_that_a_game_makes_has_a_file_of_its_own(which, names):
  values = types.SimpleNamespace(workdir='run', output=None, which=which)
  files = [export.output(types.SimpleNamespace(**vars(values), format=name)) for name in ('tflite', 'onnx', 'saved_model')]
  assert [path.name for path in (*files, sample.output(values))] == names
