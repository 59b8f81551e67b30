"""`tf-stugan data`, and training from what it prepared."""

import json
import re
import shlex
import shutil

import numpy as np
from PIL import Image
import pytest

from tests.data.test_stored_images import paint
from tf_stugan import cli
from tf_stugan import configuration
from tf_stugan.commands import common
from tf_stugan.data import domains
from tf_stugan.data import image_folder


@pytest.fixture
def folder(tmp_path):
  """Two classes of ten images, and odd files."""
  root = tmp_path / "a b'ü"
  noise = np.random.default_rng(0)
  for name in ('one', 'two'):
    (root / name).mkdir(parents=True)
    for i in range(10):
      Image.fromarray(noise.integers(0, 256, [20, 30, 3], np.uint8)).save(root / name / f'{i}.png')
  (root / 'one' / 'empty.png').touch()
  Image.new('CMYK', (40, 40)).save(root / 'two' / 'print.jpg')
  return root


def call(capsys, *arguments):
  """(exit code, standard output, standard error)"""
  capsys.readouterr()
  code = cli.main(['tf-stugan', *map(str, arguments)])
  return (code, *capsys.readouterr())


def test_check_tells_what_is_there(folder, tmp_path, capsys):
  code, out, _ = call(capsys, 'data', 'check', folder, f'--data_dir={tmp_path}')
  assert code == 0
  lines = dict(line.split(None, 1) if not line.startswith(('data set', 'trained on', 'left out')) else
               (line[:12].strip(), line[12:].strip()) for line in out.splitlines())
  assert lines['images'] == '21'
  assert lines['sizes'] == '20 x 30 (20), 40 x 40 (1)'
  assert lines['classes'] == '2: two (11), one (10)'
  assert lines['trained on'].startswith('(64, 64, 3) (21)')
  assert lines['converted'] == 'CMYK to RGB (1)'
  assert lines['left out'] == '1 empty: one/empty.png'
  assert lines['prepared'] == 'no'


def test_check_ends_with_a_command_that_trains_on_the_folder_from_anywhere(folder, tmp_path, monkeypatch, capsys):
  monkeypatch.chdir(tmp_path)
  _, out, _ = call(
      capsys, 'data', 'check', f'./{folder.name}', '--gin_param=IMAGE_RESOLUTION = 64', '--gin_param=IMAGE_CHANNELS = 1')
  monkeypatch.chdir(folder)
  what, command = out.splitlines()[-1][:12].strip(), shlex.split(out.splitlines()[-1][12:])
  assert what == 'train on it' and command[:2] == ['tf-stugan', 'train']
  code, _, err = call(capsys, *command[1:], '--dry_run', '--gin_file=runs/tiny.gin', f'--cache_dir={tmp_path}',
                      f'--workdir={tmp_path}/new')
  assert code == 0, err
  assert '21 images of 32 x 32 x 1, 2 classes' in ' '.join(err.split()) and 'no use of' not in err
  assert f'results {tmp_path}/new; curves' in ' '.join(err.split()) and not (tmp_path / 'new').exists()


def test_check_of_two_domains_ends_with_a_command_that_translates_between_them(tmp_path, capsys):
  for part, count in (('trainA', 5), ('trainB', 5), ('testA', 2), ('testB', 2)):
    for i in range(count):
      paint(tmp_path / 'pets' / part / f'{i}.png', i, (40, 40))
  code, out, err = call(capsys, 'data', 'check', tmp_path / 'pets', '--gin_param=IMAGE_RESOLUTION = 40')
  assert code == 0 and out.count('train on it') == 1, err
  command = shlex.split(out.splitlines()[-1][12:])
  assert '--workdir=runs/pets' in command
  code, _, err = call(capsys, *command[1:], '--dry_run', '--gin_param=GENERATOR_WIDTH = 4', f'--cache_dir={tmp_path}',
                      '--gin_param=DISCRIMINATOR_WIDTH = 4', f'--workdir={tmp_path}/new')
  assert code == 0 and '5 images of 32 x 32 x 3' in ' '.join(err.split()), err


@pytest.mark.parametrize('text, typed', [
    ("--gin_param=PATH = '/a b'", '"--gin_param=PATH = \'/a b\'"'), ('--gin_param=SEED = 3', "'--gin_param=SEED = 3'"),
    ('--workdir=runs/a', '--workdir=runs/a'), ("$'", None), ('a\\b\'', None), ('"\'', None)])
def test_a_command_is_told_as_one_would_type_it(text, typed):
  line = common.as_typed(['tf-stugan', text])
  assert shlex.split(line) == ['tf-stugan', text] and (typed is None or line == f'tf-stugan {typed}')


@pytest.mark.slow
def test_a_prepared_folder_is_trained_on_as_the_folder_itself(folder, tmp_path, capsys):
  """Losses, densities and scores do not depend on whether images come from memory or from disk."""
  data = [f'--data_dir={tmp_path}', '--gin_file=datasets/image_folder.gin', '--gin_param=IMAGE_RESOLUTION = 32',
          f'--gin_param=IMAGE_FOLDER = {str(folder)!r}', '--gin_param=IMAGE_CHANNELS = 1']
  def train(name, *more):
    assert call(capsys, 'train', f'--workdir={tmp_path / name}', f'--cache_dir={tmp_path}', '--gin_file=quickstart.gin',
                '--gin_file=runs/tiny.gin', *data, '--gin_param=NUM_STEPS = 4', '--gin_param=NUM_SAMPLES = 16',
                *more)[0] == 0
    return (tmp_path / name / 'metrics.jsonl').read_text()
  from_memory = train('memory')
  limit = '--gin_param=ImageFolder.memory_limit = 1000'
  code, _, err = call(capsys, 'train', f'--workdir={tmp_path / "none"}', '--gin_file=quickstart.gin', *data, limit)
  assert code == 3 and 'tf-stugan data prepare' in err
  code, out, _ = call(capsys, 'data', 'prepare', *data, limit)
  assert code == 0 and '21 images (32, 32, 1)' in out and '1 empty' in out
  assert '(whole)' in call(capsys, 'data', 'check', *data)[1]
  assert train('streamed', limit) == from_memory
  assert json.loads(from_memory.splitlines()[-1])['step'] == 4


def test_a_changed_folder_is_noticed(folder, tmp_path, capsys):
  assert call(capsys, 'data', 'prepare', folder, f'--data_dir={tmp_path}')[0] == 0
  (folder / 'one' / '3.png').unlink()
  code, _, err = call(capsys, 'data', 'check', folder, f'--data_dir={tmp_path}')
  assert code == 3 and 'have changed' in err


@pytest.mark.parametrize('named', [True, False])
def test_a_prepared_folder_is_checked_without_its_originals(folder, tmp_path, capsys, named):
  data = [f'--data_dir={tmp_path}', *([folder] if named else [
      '--gin_file=datasets/image_folder.gin', f'--gin_param=IMAGE_FOLDER = {str(folder)!r}'])]
  assert call(capsys, 'data', 'prepare', *data)[0] == 0
  shutil.rmtree(folder)
  code, out, _ = call(capsys, 'data', 'check', *data)
  assert code == 0 and '(whole)' in out and re.search('originals +not here: .*is not a folder', out)
  assert re.search('images +21\n', out) and re.search('classes +2: 1 [(]11[)], 0 [(]10[)]', out)
  assert '(64, 64, 3) (21)' in out
  (file,) = tmp_path.glob('prepared/*/labels.npy')
  file.write_bytes(file.read_bytes()[:-1] + b'\xff')
  code, _, err = call(capsys, 'data', 'check', *data)
  assert code == 3 and 'SHA-256' in err


def test_a_class_of_bad_files_is_named(folder, tmp_path, capsys):
  (folder / 'three').mkdir()
  (folder / 'three' / 'a.png').touch()
  for action in ('check', 'prepare'):
    assert re.search('no image of +three\n', call(capsys, 'data', action, folder, f'--data_dir={tmp_path}')[1])


def test_a_folder_of_two_domains_is_checked_and_prepared_domain_by_domain(folder, tmp_path, capsys):
  (folder / 'one').rename(folder / 'trainA')
  (folder / 'two').rename(folder / 'trainB')
  (folder / 'testB').mkdir()
  Image.new('RGB', (30, 30)).save(folder / 'testB' / 'a.png')
  arguments = (folder, f'--data_dir={tmp_path}', '--gin_param=IMAGE_RESOLUTION = 16')
  code, out, _ = call(capsys, 'data', 'prepare', *arguments)
  assert code == 0 and re.findall('images +([0-9]+)\n', out) == ['10', '11', '1']
  code, out, _ = call(capsys, 'data', 'check', *arguments)
  assert code == 0 and out.count('(whole)') == 3
  names = re.findall('data set +(.*?),', out)
  assert names == [f'{folder.name}/{part}' for part in ('trainA', 'trainB', 'testB')]
  test = image_folder.domain_folder(str(folder), 'B', 16).test_source().load(str(tmp_path))
  assert isinstance(test.images, np.memmap) and test.image_shape == (16, 16, 3)
  shutil.rmtree(folder / 'trainB')
  (folder / 'trainB').mkdir()
  code, _, err = call(capsys, 'data', 'check', folder)
  assert code == 3 and re.search('trainB holds no image file', err)


def test_of_one_class_the_whole_set_is_checked(tmp_path, capsys):
  (tmp_path / 'class.gin').write_text(
      "include 'datasets/digits.gin'\nfrom __gin__ import dynamic_registration\nfrom tf_stugan.data import domains\n"
      'from tf_stugan.data import embedded\nfrom tf_stugan.procedures import procedure\n'
      "procedure.Experiment.data = {'data': @domains.OneClass()}\ndomains.OneClass.source = @embedded.Digits()\n"
      "domains.OneClass.label = '7'\n")
  code, out, _ = call(capsys, 'data', 'check', f'--gin_file={tmp_path / "class.gin"}')
  assert code == 0 and '1797 of (32, 32, 1)' in out


@pytest.mark.parametrize('arguments, code, message', [
    (['data'], 2, 'data check SET'),
    (['data', 'chekc', 'cifar10'], 2, "'chekc'"),
    (['data', 'check'], 2, 'tiny_imagenet'),
    (['data', 'check', 'cifar11'], 2, 'cifar10'),
    (['data', 'check', 'cifar10', 'more'], 2, "'more'"),
    (['data', 'check', 'cifar10', '--gin_file=quickstart.gin'], 2, 'name one data set'),
    (['data', 'check', 'image_folder'], 2, 'IMAGE_FOLDER'),
    (['data', 'check', '{folder}', '--gin_param=IMAGE_RESOLUTON = 3'], 2, 'IMAGE_RESOLUTION'),
    (['data', 'check', '{empty}'], 3, 'no image file'),
    (['data', 'check', '{empty}/none'], 3, 'not a folder'),
    (['data', 'check', 'tiny_imagenet', '--data_dir={empty}'], 3, 'tiny-imagenet-200.zip'),
    (['data', 'check', 'stl10', '--data_dir={empty}'], 3, 'tfds build stl10'),
    (['data', 'prepare', 'imagenet128', '--data_dir={empty}'], 3, 'ILSVRC2012_img_train.tar'),
    (['data', 'prepare', 'digits'], 2, 'nothing to prepare'),
])
def test_what_goes_wrong_is_told_in_one_line(arguments, code, message, folder, tmp_path, capsys):
  (tmp_path / 'empty').mkdir()
  result, _, err = call(capsys, *(a.format(folder=folder, empty=tmp_path / 'empty') for a in arguments))
  assert (result, message in err) == (code, True), err
  assert len([line for line in err.splitlines() if line.startswith('tf-stugan')]) == 1


def test_a_folder_of_bad_files_only(folder, capsys):
  shutil.rmtree(folder / 'two')
  for path in (folder / 'one').iterdir():
    path.write_bytes(b'')
  code, out, err = call(capsys, 'data', 'check', folder)
  assert code == 3 and '11 empty' in out and 'no usable image' in err


NAMES = sorted(p.stem for p in (configuration.config_root() / 'datasets').glob('*.gin'))


def source(name, *bindings):
  configuration.load([configuration.find('runs/data_only.gin'), configuration.find(f'datasets/{name}.gin')],
                     [*bindings, *(["IMAGE_FOLDER = '/x'"] if name.endswith('_folder') else [])])
  made = next(iter(configuration.make_data().values()))
  return made.source if isinstance(made, domains.OneClass) else made


@pytest.mark.parametrize('name', NAMES)
def test_every_data_set_says_what_it_is_and_sets_what_models_need(name):
  text = (configuration.config_root() / 'datasets' / f'{name}.gin').read_text()
  assert text.startswith('# ') and ('Required:' in text or 'Needs no download' in text)
  assert 'IMAGE_CHANNELS' in text and f'IMAGE_RESOLUTION = {source(name).resolution or ""}' in text


@pytest.mark.parametrize('name', NAMES)
def test_every_data_set_follows_the_resolution(name):
  assert source(name, 'IMAGE_RESOLUTION = 24').resolution == 24


@pytest.mark.parametrize('name, bindings, folder', [
    ('cifar10', [], 'TFDSImages-cifar10-train-32462e27'),
    ('tiny_imagenet', [], 'TinyImageNet-train-e6d1ff55'),
    ('imagenet128', [], 'TFDSImages-imagenet2012-train-128-b1464bce'),
    ('stl10', [], 'TFDSImages-stl10-unlabelled-48-f72f5e82'),
    ('stl10', ["SPLIT = 'train'"], 'TFDSImages-stl10-train-48-3ca4d069'),
])
def test_what_was_prepared_once_is_found_by_every_version(name, bindings, folder):
  assert source(name, *bindings).prepared_folder('/').name == folder
