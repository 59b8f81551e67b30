"""Image folders, prepared sets, and that streaming them gives the very batches that memory gives."""

import errno
import logging
import os
import shutil

import numpy as np
from PIL import Image
import pytest

from tf_stugan import errors
from tf_stugan.data import image_folder
from tf_stugan.data import images
from tf_stugan.data import prepared
from tf_stugan.data import stored_images
from tf_stugan.training import strategies


def paint(path, seed, size=(20, 24)):
  path.parent.mkdir(parents=True, exist_ok=True)
  Image.fromarray(np.random.default_rng(seed).integers(0, 256, [*size, 3], np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path):
  root = tmp_path / 'pictures with spaces and ünïcode'
  for i in range(6):
    paint(root / 'cats' / f'{i}.png', i)
  for i in range(4):
    paint(root / 'dogs' / 'small' / 'brown' / f'{i}.PNG', 10 + i, (30, 18))
  return root


@pytest.fixture
def log(caplog, monkeypatch):
  """What is logged, also after a test of the command line, which keeps this project's lines from the root logger."""
  logger = logging.getLogger('tf_stugan')
  monkeypatch.setattr(logger, 'propagate', True)
  with caplog.at_level('INFO', 'tf_stugan'):
    yield caplog


DRAWS = {'d': images.Draw(2, 4, ('data',))}


def batches(data, first_step=0, **options):
  taken = images.batches({'data': data}, DRAWS, 3, first_step, **options).take(4)
  return [np.concatenate([e['d']['data'].images.numpy().ravel(), e['d']['data'].labels.numpy().ravel()]) for e in taken]


def test_folders_are_classes_and_images_are_brought_to_one_size(folder):
  data = image_folder.ImageFolder(str(folder), 16).load()
  assert data.images.shape == (10, 16, 16, 3) and data.images.dtype == np.uint8
  assert data.labels.tolist() == [0] * 6 + [1] * 4
  assert data.num_classes == 2
  assert 'central square at 16 px, antialiased bilinear' in data.name
  assert image_folder.ImageFolder(str(folder), 16, channels=1).load().images.shape == (10, 16, 16, 1)


def test_a_folder_without_folders_is_one_class(folder):
  data = image_folder.ImageFolder(str(folder / 'cats'), None).load()
  assert (data.images.shape, data.num_classes) == ((6, 20, 24, 3), 1)
  np.testing.assert_array_equal(data.images[2], np.random.default_rng(2).integers(0, 256, [20, 24, 3], np.uint8))


def test_images_of_several_sizes_need_a_resolution(folder):
  with pytest.raises(errors.DataError, match='several sizes.*resolution'):
    image_folder.ImageFolder(str(folder), None).load()


def test_odd_files_are_listed_in_one_line_and_the_rest_is_used(folder, log):
  (folder / 'cats' / 'empty.png').touch()
  (folder / 'cats' / 'page.jpg').write_text('<html>')
  (folder / 'cats' / '.hidden.png').write_bytes(b'x')
  (folder / 'cats' / 'new\nline.png').touch()
  (folder / 'cats' / 'half\udcff.png').write_bytes((folder / 'cats' / '0.png').read_bytes()[:500])
  (folder / 'notes.txt').write_text('x')
  paint(folder / '.thumbnails' / 'a.png', 1)
  source = image_folder.ImageFolder(str(folder), 16)
  assert len(source.load()) == 10
  (message,) = [r.getMessage() for r in log.records]
  assert '\n' not in message and '2 empty (cats/empty.png, cats/new?line.png)' in message
  survey = source.survey()
  assert {why: len(names) for why, names in survey.problems.items()} == {
      'empty': 2, 'not an image of a known format': 1, 'truncated or damaged': 1, 'hidden': 2,
      'without the suffix of an image': 1}
  assert survey.problems['hidden'] == ['.thumbnails', 'cats/.hidden.png']
  assert survey.labels == {0: 6, 1: 4} and survey.sizes == {(20, 24): 6, (30, 18): 4}


def test_a_class_without_a_usable_image_is_named(folder, log):
  for name in ('birds', 'new\nline'):
    (folder / name).mkdir()
    (folder / name / 'a.png').touch()
  assert image_folder.ImageFolder(str(folder), 16).load().num_classes == 4
  assert '2 of 4 classes have no image: birds, new?line' in log.text


@pytest.mark.parametrize('content, message', [({}, 'no image file'), ({'a.png': b''}, '1 empty'), (None, 'not a folder')])
def test_a_folder_of_nothing(content, message, tmp_path):
  if content is None:
    shutil.rmtree(tmp_path)
  for name, data in (content or {}).items():
    (tmp_path / name).write_bytes(data)
  with pytest.raises(errors.DataError, match=message):
    image_folder.ImageFolder(str(tmp_path), 16).load()


def test_links_are_followed_once(folder):
  (folder / 'birds').symlink_to(folder / 'cats')
  (folder / 'cats' / 'round').symlink_to(folder)
  assert len(image_folder.ImageFolder(str(folder), 16).load()) == 10


def test_what_does_not_fit_into_memory_is_refused_with_what_to_do(folder, tmp_path):
  source = image_folder.ImageFolder(str(folder), 16, memory_limit=7679)
  with pytest.raises(errors.DataError, match='tf-stugan data prepare.*--gin_file.*GB in'):
    source.load(str(tmp_path))
  assert image_folder.ImageFolder(str(folder), 16, memory_limit=7680).load(str(tmp_path)) is not None


@pytest.mark.parametrize('options', [{}, {'first_step': 2}, {'flip': True, 'num_replicas': 2}, {'resize': 20, 'crop': 12}])
def test_streamed_batches_are_those_from_memory(folder, tmp_path, options):
  source = image_folder.ImageFolder(str(folder), 16)
  in_memory = source.load(str(tmp_path))
  source.prepare(str(tmp_path))
  streamed = source.load(str(tmp_path))
  assert isinstance(streamed.images, np.memmap) and not isinstance(in_memory.images, np.memmap)
  assert (streamed.fingerprint, streamed.name) == (in_memory.fingerprint, in_memory.name)
  np.testing.assert_array_equal(batches(streamed, **options), batches(in_memory, **options))
  np.testing.assert_array_equal(batches(streamed, 2)[:2], batches(in_memory)[2:])


def test_replicas_stream_their_shares(folder, tmp_path):
  source = image_folder.ImageFolder(str(folder), 16)
  whole = next(iter(images.batches({'data': source.load(str(tmp_path))}, DRAWS, 3)))['d']['data'].images.numpy()
  source.prepare(str(tmp_path))
  strategy = strategies.make('mirrored')
  distributed = strategy.distribute_datasets_from_function(
      lambda _: images.batches({'data': source.load(str(tmp_path))}, DRAWS, 3, num_replicas=2))
  shares = strategy.experimental_local_results(next(iter(distributed))['d']['data'].images)
  np.testing.assert_array_equal(np.concatenate([s.numpy() for s in shares], axis=1), whole)


def test_a_prepared_set_is_used_without_reading_the_originals_again(folder, tmp_path, monkeypatch):
  source = image_folder.ImageFolder(str(folder), 16, memory_limit=0)
  assert source.prepare(str(tmp_path)).usable == 10
  first = source.load(str(tmp_path))
  monkeypatch.setattr(image_folder.image_files, 'read', None)
  assert source.load(str(tmp_path)).fingerprint == first.fingerprint
  shutil.rmtree(folder)  # it may travel alone
  assert len(source.load(str(tmp_path))) == 10
  assert image_folder.ImageFolder(str(folder), 8).prepared_folder(str(tmp_path)) != source.prepared_folder(str(tmp_path))


def test_a_prepared_set_is_not_overwritten(folder, tmp_path):
  source = image_folder.ImageFolder(str(folder), 16)
  source.prepare(str(tmp_path))
  with pytest.raises(errors.DataError, match='there already'):
    source.prepare(str(tmp_path))
  assert len(source.load(str(tmp_path))) == 10


def test_originals_that_have_changed_are_noticed(folder, tmp_path):
  source = image_folder.ImageFolder(str(folder), 16)
  source.prepare(str(tmp_path))
  paint(folder / 'cats' / 'new.png', 99)
  with pytest.raises(errors.DataError, match='have changed'):
    source.load(str(tmp_path))


def damage(folder, name, change):
  path = folder / name
  path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize('name, change', [
    ('images.bin', lambda b: b[:-1]), ('labels.npy', lambda b: b[:100]), ('manifest.json', lambda b: b[:9]),
    ('manifest.json', lambda b: b'{"format": 2}')])
def test_a_damaged_prepared_set_is_refused(folder, tmp_path, name, change):
  source = image_folder.ImageFolder(str(folder), 16)
  source.prepare(str(tmp_path))
  damage(source.prepared_folder(str(tmp_path)), name, change)
  with pytest.raises(errors.DataError, match='damaged.*Delete that folder'):
    source.load(str(tmp_path))


def test_a_flipped_bit_is_found_by_a_full_check(folder, tmp_path):
  source = image_folder.ImageFolder(str(folder), 16)
  source.prepare(str(tmp_path))
  place = source.prepared_folder(str(tmp_path))
  prepared.verify(place)
  damage(place, 'images.bin', lambda b: b[:50] + bytes([b[50] ^ 1]) + b[51:])
  with pytest.raises(errors.DataError, match='SHA-256'):
    prepared.verify(place)


def test_a_disk_that_is_too_small_is_noticed_before_writing(folder, tmp_path, monkeypatch):
  monkeypatch.setattr(shutil, 'disk_usage', lambda path: shutil._ntuple_diskusage(2**30, 0, 2**30))  # pylint: disable=protected-access
  with pytest.raises(errors.DiskError, match='1.1 GB free.*--data_dir'):
    image_folder.ImageFolder(str(folder), 16).prepare(str(tmp_path / 'd'))
  assert [p for p in (tmp_path / 'd').rglob('*') if p.is_file() and not p.name.endswith('.lock')] == []


@pytest.mark.parametrize('failure, error', [
    (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), errors.DiskError), (KeyboardInterrupt(), KeyboardInterrupt)])
def test_what_stops_half_way_leaves_nothing(folder, tmp_path, failure, error):
  def interrupted():
    yield np.zeros([4, 4, 3], np.uint8), 0
    raise failure
  with pytest.raises(error):
    prepared.write(tmp_path / 'd' / 'set', interrupted(), 2, 'set', ['all'], '')
  assert [p.name for p in (tmp_path / 'd').iterdir()] == ['.set.lock']


def test_two_processes_do_not_write_the_same_set(tmp_path):
  def second():
    yield np.zeros([4, 4, 3], np.uint8), 0
    prepared.write(tmp_path / 'set', iter([(np.zeros([4, 4, 3], np.uint8), 0)]), 1, 'set', ['all'], '')
  with pytest.raises(errors.DataError, match='Another process'):
    prepared.write(tmp_path / 'set', second(), 1, 'set', ['all'], '')


def test_a_read_only_folder_says_so(folder, tmp_path):
  (tmp_path / 'file').touch()
  with pytest.raises(errors.DiskError, match='cannot be written'):
    image_folder.ImageFolder(str(folder), 16).prepare(str(tmp_path / 'file'))


def test_names_fit_in_a_line():
  assert stored_images.printable('ä b\n\udcff\x1b[31m.png') == 'ä b???[31m.png'


def test_settings_that_make_no_sense(tmp_path):
  with pytest.raises(errors.UserError, match='ImageFolder.resolution.*got 0'):
    image_folder.ImageFolder(str(tmp_path), 0)
  with pytest.raises(errors.UserError, match='got 4'):
    image_folder.ImageFolder(str(tmp_path), 16, channels=4)


def test_long_reading_says_how_far_it_is(folder, log, monkeypatch):
  monkeypatch.setattr(stored_images, '_PATIENCE', 0)
  image_folder.ImageFolder(str(folder), 16).survey()
  assert 'read 10 of 10 images' in log.text


def test_what_lies_in_the_way_of_a_prepared_set_stays(tmp_path):
  (tmp_path / '.writing-set').mkdir()
  (tmp_path / '.writing-set' / 'thesis.txt').write_text('years')
  with pytest.raises(errors.DiskError, match='not empty'):
    prepared.write(tmp_path / 'set', iter([(np.zeros([4, 4, 3], np.uint8), 0)]), 1, 'set', 1, '')
  assert [p.name for p in (tmp_path / '.writing-set').iterdir()] == ['thesis.txt']
