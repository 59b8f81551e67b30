"""`tf-stugan evaluate` of folders, without a run."""

import json
import shutil

import numpy as np
from PIL import Image
import pytest

from tests.test_cli import call
from tf_stugan.data import embedded


@pytest.fixture(name='cache', scope='module')
def make_cache(tmp_path_factory):
  return f'--cache_dir={tmp_path_factory.mktemp("cache")}'


def paint(folder, images):
  folder.mkdir(parents=True)
  for i, image in enumerate(images):
    Image.fromarray(image).save(folder / f'{i}.png')
  return folder


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
  """'first' and 'second' halves of 120 digits at 16 x 16, and 'noise'."""
  root = tmp_path_factory.mktemp('folders')
  digits = embedded.Digits(16).load().images[:120, ..., 0]
  for name, images in (('first', digits[::2]), ('second', digits[1::2]),
                       ('noise', np.random.default_rng(0).integers(0, 256, [60, 16, 16], np.uint8))):
    paint(root / name, images)
  return root


def score(capsys, cache, *flags):
  code, out, err = call(capsys, 'evaluate', cache, *flags)
  assert code == 0, err
  return json.loads(out)


def test_folders_are_scored_without_a_run(folders, cache, capsys, tmp_path):
  flags = [f'--against={folders}/first', '--gin_file=metrics/all.gin', '--gin_param=prd.runs = 1']
  near = score(capsys, cache, f'--images={folders}/second', *flags, f'--output={tmp_path}/out')
  far = score(capsys, cache, f'--images={folders}/noise', *flags)
  assert near['rfd'] < far['rfd'] / 4 and near['rkd'] < far['rkd']
  for name in ('random_prd_f8', 'random_prd_f1_8', 'random_precision', 'random_density', 'random_coverage'):
    assert near[name] > far[name] + 0.3, name
  assert (near['protocol']['generated_images'], near['protocol']['real_images']) == (60, 60)
  assert near['protocol']['scored'] != far['protocol']['scored']
  assert near['conditions']['random_precision'] == '3 neighbours, 60 real and 60 generated images'
  kept = json.loads((tmp_path / 'out' / 'scores.json').read_text())
  assert len(kept.pop('curves')['random_prd']['recall']) == 101
  assert kept == near
  with Image.open(tmp_path / 'out' / 'random_prd.png') as figure:
    assert figure.size == (600, 600)


def test_files_of_others_in_the_output_are_told_before_scoring_or_with_the_scores(folders, cache, capsys, tmp_path):
  flags = [f'--images={folders}/first', f'--against={folders}/second', '--gin_file=metrics/all.gin',
           '--gin_param=prd.runs = 1', f'--output={tmp_path}']
  (tmp_path / 'random_prd.png').write_text('mine')
  code, out, err = call(capsys, 'evaluate', cache, *flags)
  assert code == 2 and 'random_prd.png' in err.splitlines()[-1]
  assert 'rfd' in json.loads(out)
  (tmp_path / 'scores.json').write_text('mine')
  code, out, err = call(capsys, 'evaluate', cache, *flags)
  assert code == 2 and 'scores.json' in err.splitlines()[-1] and not out
  assert {path.read_text() for path in tmp_path.iterdir()} == {'mine'}


def test_images_are_not_changed_on_their_way(folders, cache, capsys):
  same = score(capsys, cache, f'--images={folders}/first', f'--against={folders}/first')
  assert same['rfd'] == pytest.approx(0, abs=1e-9)


def test_a_folder_is_held_against_a_data_set_with_its_classifier(folders, cache, capsys):
  flags = ['--against=digits', '--resolution=16', '--gin_file=metrics/classifier.gin', '--gin_param=Classifier.steps = 2',
           '--gin_param=Classifier.width = 4']
  scores = score(capsys, cache, f'--images={folders}/first', *flags)
  assert {'fcd', 'cs', 'kcd'} <= set(scores)
  assert scores['protocol']['data'].startswith('digits/train (')


@pytest.mark.parametrize('flags, code, message', [
    (['--images={0}/first'], 2, 'belong together'),
    (['--images={0}/first', '--against={0}/second', '--workdir={0}'], 2, 'in the place of --workdir'),
    (['--images={0}/first', '--against={0}/second', '--num_samples=7'], 2, '--num_samples is for a run'),
    (['--images={0}/none', '--against={0}/second'], 3, 'is no folder'),
    (['--images={0}/empty', '--against={0}/second'], 3, 'holds no image file'),
    (['--images={0}/first', '--against={0}/empty'], 3, 'holds no image file'),
    (['--images={0}/first', '--against=cifar11'], 2, 'no data set; there are cifar10'),
    (['--images={0}/first', '--against=digits'], 3, 'images of 16 x 16 pixels, --against=digits of 32 x 32: --resolution=N'),
    (['--images={0}/mixed', '--against={0}/second'], 3, 'images of several sizes'),
    (['--images={0}/first', '--against={0}/second', '--gin_file=metrics/none.gin'], 2, 'scores nothing'),
    (['--images={0}/first', '--against={0}/second', '--gin_file=metrics/al.gin'], 2, 'metrics/all.gin'),
    (['--images={0}/first', '--against={0}/second', '--gin_param=Evaluator.bach_size = 3'], 2, "no parameter 'bach_size'"),
    (['--images={0}/first', '--against={0}/second', '--gin_file=metrics/prd.gin', '--gin_param=prd.runs = 0'], 2,
     'prd.runs is a whole number'),
    (['--images={0}/first', '--against={0}/second', '--gin_file=metrics/prd.gin', '--gin_param=Evaluator.metrics = []',
      '--gin_param=prd.num_clusters = 61'], 3, 'too few images'),
])
def test_bad_input_is_one_line(flags, code, message, folders, cache, capsys, tmp_path):
  for name in ('first', 'second'):
    shutil.copytree(folders / name, tmp_path / name)
  (tmp_path / 'empty').mkdir()
  paint(tmp_path / 'mixed', [np.zeros([8, 8], np.uint8), np.zeros([9, 8], np.uint8)])
  got, out, err = call(capsys, 'evaluate', cache, *(flag.format(tmp_path) for flag in flags))
  line = err.splitlines()[-1]
  assert got == code and line.startswith('tf-stugan evaluate: ') and message in line, err
  assert not out and 'Traceback' not in err
