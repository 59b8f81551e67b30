"""A CycleGAN through the command line: training ends with commands that work, and own pictures are translated."""

import json
import shlex
import shutil
import signal
import subprocess
import sys
import types
import urllib.parse
import urllib.request

from absl import flags
import numpy as np
from PIL import Image
import pytest

from tf_stugan import cli
from tf_stugan import errors
from tf_stugan.commands import common
from tf_stugan.commands import evaluate
from tf_stugan.commands import sample
from tf_stugan.commands import translate
from tf_stugan.compat import keras
from tf_stugan.gans.outputs import FromImages
from tf_stugan.usage import evaluate as evaluate_usage
from tf_stugan.usage import sample as sample_usage


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
def translator(monkeypatch):
  """The trainer of every run: of a translator that turns white into black."""
  network = keras.Sequential([keras.layers.Lambda(lambda x: -x)])
  trainer = types.SimpleNamespace(
      gan=types.SimpleNamespace(
          num_classes=0, outputs={'a_to_b': FromImages('a_to_b', network, None, 'b', 'a', (8, 8, 3), 'b_to_a')}),
      image_shapes={'a': (8, 8, 3)})
  monkeypatch.setattr(common, 'restore_trainer', lambda values: (None, trainer))
  return trainer


@pytest.fixture
def negatives(tmp_path, translator):
  """Runs the command with it; returns what was written, by name."""
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


def test_pictures_of_somebody_else_are_refused_before_anything_is_translated(negatives, translator, tmp_path):
  translator.gan.outputs['a_to_b'].network = None  # nothing can be translated
  (tmp_path / 'new' / 'deep').mkdir(parents=True)
  (tmp_path / 'new' / 'deep' / 'a.png').write_text('not yours')
  with pytest.raises(errors.UserError, match='deep/a.png is there, and is not what this command wrote'):
    negatives(**{'b.png': 255, 'deep/a.png': 0})
  assert [path.name for path in (tmp_path / 'new').rglob('*')] == ['deep', 'a.png']
  shutil.rmtree(tmp_path / 'new')
  (tmp_path / 'new').write_text('not yours')
  with pytest.raises(errors.UserError, match='new is there, and is not what this command wrote'):
    negatives(**{'b.png': 255})
  assert (tmp_path / 'new').read_text() == 'not yours'


def parsed(usage, *arguments):
  values = flags.FlagValues()
  usage.define_flags(values)
  values(['tf-stugan', *arguments])
  return values


@pytest.mark.parametrize('asked', ['--statistics=standing', '--separate', '--truncation=0.5', '--output=x.gif'])
def test_what_only_images_of_noise_have_is_refused(asked, translator, tmp_path):
  output = [] if asked.startswith('--output') else [f'--output={tmp_path}/out']
  with pytest.raises(errors.UserError, match='for images that are made of noise; this run translates'):
    sample.run(parsed(sample_usage, f'--workdir={tmp_path}', asked, *output))


def test_a_number_of_images_is_refused_where_all_are_translations(translator, tmp_path, monkeypatch):
  experiment = types.SimpleNamespace(evaluator=types.SimpleNamespace(num_samples=10), make_trainer=lambda: translator)
  monkeypatch.setattr(common, 'make_experiment', lambda *_: experiment)
  with pytest.raises(errors.UserError, match='--num_samples is for images that are made of noise'):
    evaluate.run(parsed(evaluate_usage, f'--workdir={tmp_path}', '--num_samples=5'))
