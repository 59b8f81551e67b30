"""A game, a procedure, a metric, a sparsity method and a data set that the package has never heard of, by the command line.

None of them has a line in it; they are named by --gin_module, as a user's own modules are.
"""

import json
import pathlib

import numpy as np
import pytest

from tests import processes
import tf_stugan
from tf_stugan import cli
from tf_stugan import errors
from tf_stugan.training.workdir import Workdir

pytestmark = pytest.mark.slow

HERE = pathlib.Path(__file__).parent
TOYS = ('toy_procedure', 'toy_data', 'toy_game', 'toy_metric', 'toy_method')
MODULES = [f'--gin_module={name}' for name in TOYS]
FILES = [f'--gin_file={HERE}/{name}.gin' for name in TOYS]


@pytest.fixture(autouse=True)
def in_path(monkeypatch):
  monkeypatch.syspath_prepend(str(HERE))


def train(workdir, cache, **environment):
  """A process that trains, or goes on."""
  flags = [f'--workdir={workdir}', f'--cache_dir={cache}', *MODULES, *FILES]
  return processes.finish(processes.Fork(flags, PYTHONPATH=f'{processes.ROOT}:{HERE}', **environment))


@pytest.fixture(scope='module')
def cache(tmp_path_factory):
  return tmp_path_factory.mktemp('cache')


@pytest.fixture(scope='module')
def trained(cache, tmp_path_factory):
  workdir = tmp_path_factory.mktemp('runs') / 'toy'
  code, output = train(workdir, cache)
  assert code == 0, output
  return workdir


def run(command, workdir, *flags):
  assert cli.main(['tf-stugan', command, f'--workdir={workdir}', *MODULES, *flags]) == 0


def test_three_stages_hand_on_what_they_should(trained):
  stages = [processes.variables(trained / name) for name in ('dense', 'masked', '')]
  masks = [{name: value for name, value in stage.items() if name.startswith('masks/')} for stage in stages]
  assert not masks[0] and set(masks[1]) == {'masks/painter/project', 'masks/painter/conv'}
  for stage in stages[1:]:
    for name in ('project', 'conv'):
      assert not stage[f'weights/painter/{name}/kernel'][~stage[f'masks/painter/{name}']].any()
      assert not stage[f'averages/painter/{name}/kernel'][~stage[f'masks/painter/{name}']].any()
  assert [int(stage['game/painted']) for stage in stages] == [6, 6, 6]


def test_rows_tell_of_each_player_and_of_the_best_score(trained):
  for stage, method in (('dense', 'dense'), ('masked', 'every other'), ('', 'every other')):
    rows = Workdir(trained / stage).rows()
    train_row = [row for row in rows if row['kind'] == 'train'][-1]
    assert {'painter/loss', 'painter/left', 'critics/loss'} <= set(train_row)
    scored = [row for row in rows if row['kind'] == 'evaluation']
    assert [row['step'] for row in scored] == [3, 6] and scored[0]['better'] == {'mean_gap': 'lower'}
    cost = [row for row in rows if row['kind'] == 'cost'][-1]
    assert cost['method'] == method and {'painter/parameters', 'critic_left/parameters'} <= set(cost)
    assert (trained / stage / 'samples' / 'step-00000006.png').exists()


@pytest.mark.parametrize('fault', ['save:after_data@4', 'step@6'])
def test_killed_in_any_stage_it_goes_on_to_the_same_end(fault, trained, cache, tmp_path):
  kills = 0
  for _ in range(8):
    code, output = train(tmp_path, cache, **({'TF_STUGAN_FAULT': fault} if kills < 3 else {}))
    kills += code == -9
    if code == 0:
      break
  assert code == 0 and kills, output
  for stage in ('dense', 'masked', ''):
    ended, killed = (processes.variables(folder / stage) for folder in (trained, tmp_path))
    assert set(ended) == set(killed)
    for name, value in ended.items():
      np.testing.assert_array_equal(killed[name], value, err_msg=f'{stage}: {name}')
    assert (tmp_path / stage / 'metrics.jsonl').read_text() == (trained / stage / 'metrics.jsonl').read_text()


def test_every_command_works_on_it(trained, cache, tmp_path, capsys):
  run('evaluate', trained, f'--cache_dir={cache}', '--checkpoint=best')
  assert 'mean_gap' in json.loads(capsys.readouterr().out)
  run('sample', trained, '--seeds=0-3', f'--output={tmp_path}/pictures.png')
  assert (tmp_path / 'pictures.png').stat().st_size > 100
  run('export', trained, f'--output={tmp_path}/painter.tflite')
  assert (tmp_path / 'painter.tflite').stat().st_size > 1000
  (tmp_path / 'runtime' / '@litertjs' / 'core').mkdir(parents=True)
  run('demo', trained, f'--runtime={tmp_path}/runtime', f'--output={tmp_path}/page')
  told = json.loads((tmp_path / 'page' / 'models' / 'demo.json').read_text())
  assert 'only generators of residual blocks can be lowered' in told['expectation']
  assert [layer['name'] for layer in told['layers']] == ['conv']
  run('pack', trained, f'--output={tmp_path}/painter.stugan')
  painter = tf_stugan.load_generator(tmp_path / 'painter.stugan', TOYS)
  assert painter.sample([0, 1]).shape[0] == 2 and set(painter.masks) == {'painter/project', 'painter/conv'}
  with pytest.raises(errors.UserError, match='not in it: toy_data, toy_game'):
    tf_stugan.load_generator(tmp_path / 'painter.stugan')
  run('sample', trained / 'masked', '--seeds=0-3', f'--output={tmp_path}/masked.png')
  capsys.readouterr()
  assert cli.main(['tf-stugan', 'doctor', f'--cache_dir={cache}', *MODULES, *FILES]) == 0
  assert 'TwoCritics, which makes pictures' in capsys.readouterr().out
  assert cli.main(['tf-stugan', 'flops', *MODULES, *FILES]) == 0
  told = capsys.readouterr().out
  assert 'painter' in told and 'critic_right' in told and 'whole training' in told
  assert cli.main(['tf-stugan', 'flops', *MODULES, *FILES, '--convention=published:adapt']) == 2
  assert 'not TwoCritics' in capsys.readouterr().err
  report = tmp_path / 'report'
  workdirs = f'{trained},{trained}/dense,{trained}/masked'
  assert cli.main(['tf-stugan', 'report', f'--workdirs={workdirs}', f'--output={report}']) == 0
  table = (report / 'report.csv').read_text()
  assert 'best MEAN_GAP' in table and 'painter density' in table and 'critic_left density' in table
