"""A CycleGAN through the command line: training ends with commands that work, and own pictures are translated."""

import json
import shlex
import signal
import subprocess
import sys
import types
import urllib.parse
import urllib.request

import numpy as np
from PIL import Image
import pytest

from tf_stugan import cli
from tf_stugan import errors
from tf_stugan.commands import translate
from tf_stugan.compat import keras
from tf_stugan.gans.outputs import FromImages


def call(*arguments):
  return cli.main(['tf-stugan', *map(str, arguments)])


@pytest.mark.slow
def test_a_trained_run_translates_own_pictures_and_shows_the_page_that_does(tmp_path, capsys):
  run, cache = tmp_path / 'run', f'--cache_dir={tmp_path}/cache'
  assert call('train', f'--workdir={run}', cache, '--gin_file=cyclegan_cifar10_small_stugan.gin',
              '--gin_file=runs/tiny_cycle_gan.gin', '--gin_param=NUM_STEPS = 2', '--gin_param=AVERAGED = False') == 0
  commands = [shlex.split(line) for line in capsys.readouterr().err.splitlines() if line.startswith('  tf-stugan ')]
  assert [command[1] for command in commands] == ['sample', 'export', 'report']
  assert all(call(*command[1:]) == 0 for command in commands[:2])
  assert call('export', f'--workdir={run}', '--which=b_to_a') == 0
  assert {'a_to_b.tflite', 'b_to_a.tflite', 'samples-a_to_b.png'} <= {path.name for path in run.iterdir()}
  with Image.open(run / 'samples' / 'step-00000002-a_to_b.png') as sheet:
    assert sheet.text['weights'] == 'trained'  # this game has no average
  (tmp_path / 'own').mkdir()
  pixels = np.random.default_rng(0).integers(0, 256, [50, 70, 3], np.uint8)
  Image.fromarray(pixels).save(tmp_path / 'own' / 'a.png')
  translated = {}
  for to in 'ab':
    output = f'--output={tmp_path}/to_{to}'
    assert call('translate', f'--workdir={run}', f'--input={tmp_path}/own', output, f'--to={to}') == 0
    translated[to] = np.asarray(Image.open(next((tmp_path / f'to_{to}').glob('*.png'))))
  assert translated['a'].shape == translated['b'].shape == (24, 24, 3)
  assert (translated['a'] != translated['b']).any()
  capsys.readouterr()
  assert call('evaluate', f'--workdir={run}', cache) == 0
  scores = json.loads(capsys.readouterr().out)
  assert scores['rfd'] == pytest.approx((scores['a_to_b/rfd'] + scores['b_to_a/rfd']) / 2)
  assert scores['protocol']['scored'].startswith('trained, ')  # this game has no average
  (tmp_path / '@litertjs' / 'core').mkdir(parents=True)
  demo = ['demo', f'--workdir={run}', '--which=b_to_a', f'--runtime={tmp_path}']
  with subprocess.Popen([sys.executable, '-m', 'tf_stugan.cli', *demo], stdout=subprocess.PIPE, text=True) as process:
    try:
      address = process.stdout.readline().strip()
      page, about, model = (urllib.request.urlopen(urllib.parse.urljoin(address, name)).read()
                            for name in ('', 'models/translator.json', 'models/translator.tflite'))
    finally:
      process.send_signal(signal.SIGINT)
    process.stdout.read()
  assert process.returncode == 0
  assert b'translate.js' in page
  assert json.loads(about) == {
      'source': 'b', 'domain': 'a', 'image_shape': [24, 24, 3], 'bytes': {'translator.tflite': len(model)}}


@pytest.fixture
def negatives(tmp_path, monkeypatch):
  """Runs the command with a translator that turns white into black; returns what was written, by name."""
  network = keras.Sequential([keras.layers.Lambda(lambda x: -x)])
  trainer = types.SimpleNamespace(
      gan=types.SimpleNamespace(outputs={'a_to_b': FromImages('a_to_b', network, None, 'b', 'a', (8, 8, 3), 'b_to_a')}),
      image_shapes={'a': (8, 8, 3)})
  monkeypatch.setattr(translate.common, 'restore_trainer', lambda values: (None, trainer))

  def run(**pictures):
    for name, shade in pictures.items():
      path = tmp_path / 'own' / name
      path.parent.mkdir(parents=True, exist_ok=True)
      if shade is None:
        path.write_bytes(b'no picture')
      else:
        Image.new('RGB', (10, 9), (shade,) * 3).save(path)
    translate.run(types.SimpleNamespace(input=str(tmp_path / 'own'), output=str(tmp_path / 'new'), to='b', size='own'))
    folder = tmp_path / 'new'
    made = {str(path.relative_to(folder)): np.asarray(Image.open(path)) for path in folder.rglob('*.png')}
    assert {image.shape for image in made.values()} == {(9, 10, 3)}
    return {name: int(image[0, 0, 0]) for name, image in made.items()}
  return run


def test_every_picture_of_a_folder_has_a_translation_of_its_own(negatives, capsys):
  made = negatives(**{'a.png': 255, 'deep/down/a.png': 0, 'bad.png': None})
  assert made == {'a.png': 0, 'deep/down/a.png': 255}
  assert '2 of 3 pictures, each at its own size' in capsys.readouterr().out


def test_pictures_that_differ_in_their_endings_do_not_overwrite_one_another(negatives):
  assert negatives(**{'a.png': 255, 'a.bmp': 0}) == {'a.png.png': 0, 'a.bmp.png': 255}


def test_a_folder_without_a_picture_that_can_be_read_is_refused(negatives, tmp_path):
  with pytest.raises(errors.DataError, match='no picture that can be read'):
    negatives(**{'a.png': None, 'b.jpg': None})
  assert not list((tmp_path / 'new').iterdir())
