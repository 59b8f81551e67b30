"""A gallery is made of workdirs, tells what is in it, and is found by name."""

import importlib
import pathlib

from absl import flags
from absl.testing import flagsaver
import numpy as np
import pytest

from tests.test_pack import make_run
import tf_stugan
from tf_stugan import errors
from tf_stugan.sharing import gallery

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture(name='tool')
def import_tool(monkeypatch):
  monkeypatch.syspath_prepend(ROOT / 'tools')
  tool = importlib.import_module('make_gallery')
  if not flags.FLAGS.is_parsed():
    flags.FLAGS(['test'])
  return tool


@pytest.mark.slow
def test_runs_become_a_gallery_that_is_known_by_name(tool, tmp_path, monkeypatch):
  runs = {name: make_run(tmp_path / name, f'sngan_cifar10_small_{method}.gin', 'runs/tiny.gin', 'runs/noise.gin',
                         'metrics/random_network.gin')
          for name, method in (('big_stugan_0.1', 'stugan'), ('big_dense', 'dense'))}
  folder = tmp_path / 'gallery'
  monkeypatch.setattr(gallery, 'root', lambda: folder)
  with flagsaver.flagsaver(gallery=str(folder), license='CC0-1.0', data_license='none: it is noise',
                           generator=[f'{name}={path}' for name, path in runs.items()]):
    tool.main([])
  assert gallery.names() == ['big_dense', 'big_stugan_0.1']
  generator = tf_stugan.load_generator('big_stugan_0.1')
  assert generator.sample([1, 2]).shape == (2, 32, 32, 3) and generator.card['name'] == 'big_stugan_0.1'
  assert 0 < np.mean([mask.mean() for mask in generator.masks.values()]) < 1
  card = (folder / 'big_stugan_0.1' / 'README.md').read_text()
  for told in ('STU-GAN', 'rfd', 'noise', 'Operations: ', 'CC0-1.0', 'none: it is noise', 'extractor'):
    assert told in card, told
  page = (folder / 'README.md').read_text()
  sparse, = (line for line in page.splitlines() if line.startswith('| [big_stugan_0.1]'))
  cells = [cell.strip() for cell in sparse.strip('|').split('|')]
  kept, whole = (int(number.replace(',', '')) for number in cells[3].split(' of '))
  assert 0 < kept < whole and 0 < float(cells[4]) < 1 and cells[5].startswith('RFD ') and 'random network' in cells[5]
  assert (folder / 'big_stugan_0.1' / 'samples.png').exists() and '(big_stugan_0.1/samples.png)' in cells[6]
  assert '| 1.00 |' in next(line for line in page.splitlines() if line.startswith('| [big_dense]'))

  too_large = flagsaver.flagsaver(most_megabytes=0.001, gallery=str(folder), generator=[f'more={runs["big_dense"]}'])
  with too_large, pytest.raises(errors.UserError, match='the gallery takes'):
    tool.main([])
  assert gallery.names() == ['big_dense', 'big_stugan_0.1'] and (folder / 'README.md').read_text() == page
  with pytest.raises(errors.UserError, match='big_dens is not there.*big_dense'):
    tf_stugan.load_generator('big_dens')


def test_a_file_comes_before_a_name(tmp_path, monkeypatch):
  (tmp_path / 'gallery' / 'mine').mkdir(parents=True)
  (tmp_path / 'gallery' / 'mine' / 'card.json').write_text('{}')
  monkeypatch.setattr(gallery, 'root', lambda: tmp_path / 'gallery')
  monkeypatch.chdir(tmp_path)
  assert gallery.find('mine') == tmp_path / 'gallery' / 'mine' and gallery.find('mine').exists()
  (tmp_path / 'mine').write_text('')
  assert gallery.find('mine') == pathlib.Path('mine')


def test_the_page_of_the_gallery_is_what_the_tool_writes(tool):
  assert (gallery.root() / 'README.md').read_text() == tool.describe(gallery.root())
  assert all(sum(file.stat().st_size for file in (gallery.root() / name).iterdir()) <= 2.1e6 for name in gallery.names())


@pytest.mark.parametrize('name', gallery.names())
def test_what_is_in_the_gallery_makes_images(name):
  generator = tf_stugan.load_generator(name)
  shape = next(iter(generator.card['image_shapes'].values()))
  for key, output in generator.outputs.items():
    made = generator.translate(np.zeros([1, *shape], np.uint8), key) if output.source else generator.sample([1])
    assert made.shape == (1, *shape) and made.std() > 5
