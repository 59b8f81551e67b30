"""A method, a model and a metric of the user's own, in his own file, through all commands that build a run."""

import json
import pathlib
import re

import pytest

from tf_stugan import cli

CODE = '''
import numpy as np

from tf_stugan.metrics import score
from tf_stugan.models import resnet
from tf_stugan.sparsity import static_sparse


class Halved(static_sparse.StaticSparse):
  """Half of the density that it is given."""

  def __init__(self, density: float):
    super().__init__(density / 2)


class Narrow(resnet.Generator):
  """A generator of its own width."""

  def __init__(self, style, latent_size=128, image_channels=3):
    super().__init__(4, [1, 1, 1, 1], style, latent_size, image_channels)


def brightness(real, fake):
  """A score by another name than FID."""
  return {'brightness': score.Score(np.mean(fake.features) - np.mean(real.features))}
'''
GIN = '''
include 'experiments/quickstart.gin'
include 'runs/tiny.gin'

from __gin__ import dynamic_registration
import my_methods
from tf_stugan.layers import style
from tf_stugan.metrics import fid
from tf_stugan.training import evaluation
from tf_stugan.training import trainer

NUM_STEPS = 2
METHOD = 'mine'
GENERATOR = @my_methods.Narrow
my_methods.Narrow.style = @style.LayerStyle()
my_methods.Narrow.latent_size = %LATENT_SIZE
my_methods.Narrow.image_channels = %IMAGE_CHANNELS
trainer.Trainer.methods = {'generator': @my_methods.Halved}
my_methods.Halved.density = 0.5
evaluation.Evaluator.metrics = [@fid.fid, @my_methods.brightness]
'''


def call(capsys, *arguments):
  """(exit code, standard output, standard error)"""
  capsys.readouterr()
  return (cli.main(['tf-stugan', *arguments]), *capsys.readouterr())


@pytest.fixture
def folder(tmp_path, monkeypatch):
  (tmp_path / 'my_methods.py').write_text(CODE)
  (tmp_path / 'mine.gin').write_text(GIN)
  monkeypatch.chdir(tmp_path)
  return tmp_path


def test_the_example_of_the_documentation(tmp_path, monkeypatch, capsys):
  text = (pathlib.Path(__file__).parents[1] / 'docs' / 'extending.md').read_text()
  code, gin = (block.partition('\n')[2] for block in text.split('```')[1:4:2])
  (tmp_path / 'my_methods_of_documentation.py').write_text(code)
  (tmp_path / 'mine.gin').write_text(gin.replace('my_methods', 'my_methods_of_documentation'))
  monkeypatch.chdir(tmp_path)
  code, out, _ = call(capsys, 'flops', '--gin_file=mine.gin', '--gin_module=my_methods_of_documentation', '--json')
  assert code == 0 and json.loads(out)['generator']['density'] == pytest.approx(0.05, abs=0.01)


def test_its_cost_is_told_if_the_user_trusts_it(folder, capsys):
  code, _, err = call(capsys, 'flops', '--gin_file=mine.gin')
  assert code == 2 and err.count('\n') == 1 and 'mine.gin imports my_methods' in err and '--gin_module=my_methods' in err
  code, out, _ = call(capsys, 'flops', '--gin_file=mine.gin', '--gin_module=my_methods', '--json')
  generator = json.loads(out)['generator']
  assert code == 0 and generator['density'] == pytest.approx(0.25, abs=0.01)
  assert generator['layers'][-1]['shape'] == [3, 3, 4, 1]  # of its own width


@pytest.mark.slow
def test_it_trains_goes_on_is_sampled_scored_and_exported_if_the_user_says_so_each_time(folder, capsys):
  mine, run = '--gin_module=my_methods', '--workdir=run'
  cache = f'--cache_dir={folder}/cache'
  code, _, err = call(capsys, 'train', run, cache, '--gin_file=mine.gin')
  assert code == 2 and 'imports my_methods' in err and '--gin_module=my_methods' in err and not (folder / 'run').exists()
  assert call(capsys, 'train', run, cache, '--gin_file=mine.gin', mine)[0] == 0
  last = [json.loads(line) for line in (folder / 'run/metrics.jsonl').read_text().splitlines()]
  assert any('brightness' in row and 'fcd' in row for row in last)
  density, = {row['generator/density'] for row in last if 'generator/density' in row}
  assert density == pytest.approx(0.25, abs=0.01)
  for command in ('sample', 'export', 'evaluate', 'train'):  # the run's own files are not taken at their word
    code, _, err = call(capsys, command, run)
    assert code == 2 and err.count('\n') == 1 and '--gin_module=my_methods' in err
  code, _, err = call(capsys, 'train', run, cache, mine)
  assert code == 0 and 'finished: it is at step 2 of 2' in err and "--gin_param='NUM_STEPS = 4'" in err
  more = ('--allow_config_change', '--gin_param=NUM_STEPS = 4', '--gin_param=GENERATOR_LEARNING_RATE = 0.125')
  assert call(capsys, 'train', run, cache, mine, *more)[0] == 0
  code, out, _ = call(capsys, 'evaluate', run, cache, mine)
  assert code == 0 and json.loads(out)['step'] == 4 and 'brightness' in json.loads(out)
  assert call(capsys, 'sample', run, mine, '--seeds=0-3')[0] == 0
  assert call(capsys, 'export', run, mine, f'--output={folder}/g.tflite')[0] == 0
  code, _, err = call(capsys, 'train', run, cache, mine, *more, '--gin_param=Halved.density = 0.1', '--gin_param=SEED = 5')
  assert code == 2 and 'my_methods.Halved.density' in err and 'SEED (Trainer.seed)' in err


@pytest.mark.parametrize('name, code, message', [
    ('my_empty', '', "there is no my_empty.Narrow: my_empty has no 'Narrow'"),
    ('my_division', '1 / 0', 'ZeroDivisionError: division by zero (.*/my_division.py, line 1)'),
    ('my_beginning', 'x = (', 'SyntaxError')])
def test_a_module_that_fails_says_where(folder, capsys, name, code, message):
  (folder / f'{name}.py').write_text(code)
  (folder / 'mine.gin').write_text(GIN.replace('my_methods', name))
  result, _, err = call(capsys, 'flops', '--gin_file=mine.gin', f'--gin_module={name}')
  assert result == 2 and err.count('\n') == 1
  assert re.search(message.replace('(', r'\(').replace(')', r'\)'), err)


def test_a_module_that_is_not_there(folder, capsys):
  (folder / 'mine.gin').write_text(GIN.replace('my_methods', 'no_such'))
  code, _, err = call(capsys, 'flops', '--gin_file=mine.gin', '--gin_module=no_such')
  assert code == 2 and "No module named 'no_such'" in err and err.count('\n') == 1
