"""The commands that README.md and docs/data.md give for a folder of pictures, run on one without labels."""

import pathlib
import shlex

import numpy as np
from PIL import Image
import pytest

from tf_stugan import cli
from tf_stugan import litert
from tf_stugan.training.workdir import Workdir

ROOT = pathlib.Path(__file__).parents[1]
SIZES = {'NUM_STEPS': 2, 'GENERATOR_WIDTH': 4, 'DISCRIMINATOR_WIDTH': 4, 'GENERATOR_BATCH': 4, 'DISCRIMINATOR_BATCH': 4,
         'DISCRIMINATOR_UPDATES': 1, 'UPDATE_INTERVAL': 1, 'NUM_SAMPLES': 8}
LAST_STEP = ['train.Train.sample_interval = 2', 'train.Train.evaluate_interval = 2', 'train.Train.checkpoint_interval = 2']


def commands(document):
  """The commands in the document's code that are about the folder of flowers, blanks made one."""
  code = [line[4:] for line in (ROOT / document).read_text().splitlines() if line.startswith('    ')]
  joined = '\n'.join(code).replace('\\\n', ' ').splitlines()
  return [' '.join(line.split()) for line in joined
          if line.startswith('tf-stugan') and ('flowers' in line or 'unscored' in line)]


@pytest.fixture
def home(tmp_path, monkeypatch):
  """A home folder with pictures of odd sizes in one folder, and others beside it; also the working folder."""
  folder, made = tmp_path / 'pictures' / 'flowers', tmp_path / 'made'
  folder.mkdir(parents=True)
  made.mkdir()
  generator = np.random.default_rng(0)
  for i in range(10):
    pixels = generator.integers(0, 256, [40 + i, 50, 3], dtype=np.uint8)
    Image.fromarray(pixels).save(folder / f'{i}.png')
    Image.fromarray(pixels[::-1]).save(made / f'{i}.png')
  monkeypatch.setenv('HOME', str(tmp_path))
  monkeypatch.chdir(tmp_path)
  return tmp_path


def run(line, home):
  words = shlex.split(line.replace('$HOME', str(home)).replace('~', str(home)), comments=True)
  if words[1] in ('train', 'evaluate'):
    words.append(f'--cache_dir={home}/cache')
  if words[1] == 'train':
    words += [f'--gin_param={name} = {value}' for name, value in SIZES.items()]
    words += [f'--gin_param={binding}' for binding in LAST_STEP]
  assert cli.main(words) == 0, line


@pytest.mark.slow  # two trainings and an export
def test_the_commands_for_own_pictures_work_without_labels(home, capsys):
  documents = [commands(document) for document in ('docs/data.md', 'README.md')]
  assert [sum(' train ' in line for line in lines) for lines in documents] == [2, 1]
  for line in dict.fromkeys(sum(documents, [])):  # each once, in the order of docs/data.md
    run(line, home)
  told = capsys.readouterr().err
  assert 'report --workdirs=runs/flowers' in told and 'report --workdirs=runs/unscored' not in told
  assert all(f'tf-stugan {command} --workdir=runs/unscored' in told for command in ('sample', 'export'))
  rows = Workdir(home / 'runs' / 'flowers').rows()
  scores, = (row for row in rows if row['kind'] == 'evaluation')
  assert scores['rfd'] > 0 and 'rkd' in scores and not {'fid', 'fcd', 'is', 'cs'} & set(scores)
  assert 'random network' in scores['protocol']['extractor']
  assert (home / 'runs' / 'flowers' / 'samples.png').stat().st_size > 500
  assert litert.run((home / 'runs' / 'flowers' / 'generator.tflite').read_bytes(), np.zeros([1, 128], np.float32)).size
  unscored = Workdir(home / 'runs' / 'unscored')
  assert {row['kind'] for row in unscored.rows()} == {'train', 'cost'}
  assert (unscored.path / 'samples.png').stat().st_size > 500
  assert cli.main(['tf-stugan', 'evaluate', f'--workdir={unscored.path}']) == 2
  assert 'without scores' in capsys.readouterr().err
