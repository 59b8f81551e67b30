"""Nothing is taken away that a command did not write. Folders are compared byte for byte, before and after."""

import errno
import os
import pathlib
import types

import pytest

from tf_stugan import errors
from tf_stugan import output_files

SIGN = b'written by me'


def contents(folder):
  """Everything below a folder: bytes of files, None of folders."""
  return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in folder.rglob('*')}


@pytest.fixture
def folder(tmp_path):
  """A folder of somebody else's."""
  (tmp_path / 'theirs' / 'more').mkdir(parents=True)
  (tmp_path / 'theirs' / 'thesis.txt').write_text('years')
  (tmp_path / 'theirs' / 'more' / 'photo.png').write_bytes(b'\x89PNG holidays')
  return tmp_path / 'theirs'


def write_file(path, text='new, written by me'):
  with output_files.new_file(path, SIGN) as target:
    target.write_text(text)


def write_folder(path, text='new'):
  with output_files.new_folder(path, 'me') as target:
    (target / 'parts').mkdir(parents=True)
    (target / 'parts' / 'a').write_text(text)


def write_files(folder, **texts):
  with output_files.new_files(folder, 'me') as target:
    for name, text in texts.items():
      (target / name).write_text(text)


def test_a_folder_means_into_it(folder):
  assert output_files.place(str(folder), 'x.png') == folder / 'x.png'
  assert output_files.place(str(folder / 'y.png'), 'x.png') == folder / 'y.png'
  assert output_files.place_folder(str(folder), 'x', 'me') == folder / 'x'
  write_folder(folder / 'x')
  assert output_files.place_folder(str(folder / 'x'), 'x', 'me') == folder / 'x'
  assert output_files.place_folder(str(folder / 'x'), 'x', 'somebody') == folder / 'x' / 'x'
  for missing in ('none/x.png', 'none/'):
    with pytest.raises(errors.UserError, match='no such folder'):
      output_files.place(f'{folder}/{missing}', 'x.png')


def test_own_files_and_folders_are_replaced(folder):
  before = contents(folder)
  for text in ('one, written by me', 'two, written by me'):
    write_file(folder / 'f', text)
    write_folder(folder / 'd', text)
    write_files(folder, r=text)
  after = contents(folder)
  assert (after.pop('f'), after.pop('d/parts/a'), after.pop('r')) == (b'two, written by me',) * 3
  assert before.items() <= after.items()
  assert set(after) - set(before) == {'d', 'd/parts', 'd/tf_stugan.json', 'tf_stugan.json'}


@pytest.mark.parametrize('prepare', [
    lambda f: (f / 'f').write_text('by somebody'), lambda f: (f / 'f').mkdir(), lambda f: os.mkfifo(f / 'f'),
    lambda f: (f / 'f').symlink_to(f / 'thesis.txt')], ids=['file', 'folder', 'pipe', 'link'])
def test_what_is_there_is_refused(folder, prepare):
  prepare(folder)
  before = contents(folder)
  for write in (lambda: write_file(folder / 'f'), lambda: write_folder(folder / 'f'), lambda: write_files(folder, f='new')):
    with pytest.raises(errors.UserError, match='not what this command wrote'):
      write()
  assert contents(folder) == before


@pytest.mark.parametrize('change', [
    lambda d: (d / 'note.txt').write_text('mine'), lambda d: (d / 'parts' / 'a').write_text('mine'),
    lambda d: (d / 'parts' / 'link').symlink_to('/'), lambda d: (d / 'tf_stugan.json').write_text('{}'),
    lambda d: (d / 'tf_stugan.json').unlink()], ids=['added', 'changed', 'linked', 'other marker', 'no marker'])
def test_an_own_folder_that_somebody_worked_on_is_refused(folder, change):
  write_folder(folder / 'd')
  change(folder / 'd')
  before = contents(folder)
  with pytest.raises(errors.UserError, match='not what this command wrote'):
    write_folder(folder / 'd')
  assert contents(folder) == before


def test_own_files_that_somebody_changed_are_refused_all_together(folder):
  write_files(folder, a='1', b='1')
  (folder / 'b').write_text('commented')
  before = contents(folder)
  with pytest.raises(errors.UserError, match='/b is there'):
    write_files(folder, a='2', b='2', c='2')
  assert contents(folder) == before
  (folder / 'b').rename(folder / 'kept')
  write_files(folder, a='2', b='2')
  assert ((folder / 'a').read_text(), (folder / 'kept').read_text()) == ('2', 'commented')


def test_what_fails_leaves_what_was_there(folder):
  write_file(folder / 'f')
  write_folder(folder / 'd')
  write_files(folder, r='1')
  before = contents(folder)
  for context in (output_files.new_file(folder / 'f', SIGN), output_files.new_folder(folder / 'd', 'me'),
                  output_files.new_files(folder, 'me')):
    with pytest.raises(errors.UserError, match='cannot be written: No space left'), context:
      raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert contents(folder) == before


def test_an_own_folder_comes_back_if_the_new_one_cannot_take_its_place(folder, monkeypatch):
  write_folder(folder / 'd', 'old')
  before = contents(folder)
  rename = os.rename

  def only_away(source, target):
    if pathlib.Path(source).name == 'new':
      raise OSError(errno.EIO, os.strerror(errno.EIO))
    rename(source, target)
  monkeypatch.setattr(output_files, 'os', types.SimpleNamespace(**{**vars(os), 'rename': only_away}))
  with pytest.raises(errors.UserError, match='cannot be written'):
    write_folder(folder / 'd', 'new')
  assert contents(folder) == before


def test_files_of_which_some_were_replaced_before_a_stop_can_be_written_again(folder, monkeypatch):
  write_files(folder, a='1', b='1', c='1')
  replace = os.replace

  def stop_at_b(source, target):
    if pathlib.Path(target).name == 'b':
      raise KeyboardInterrupt
    replace(source, target)
  monkeypatch.setattr(output_files, 'os', types.SimpleNamespace(**{**vars(os), 'replace': stop_at_b}))
  with pytest.raises(KeyboardInterrupt):
    write_files(folder, a='2', b='2')
  monkeypatch.undo()
  assert [(folder / name).read_text() for name in 'abc'] == ['2', '1', '1']
  write_files(folder, a='3', b='3')
  (folder / 'c').write_text('mine')  # which is still told from what was written
  with pytest.raises(errors.UserError, match='/c is there'):
    write_files(folder, c='3')
  assert [(folder / name).read_text() for name in 'abc'] == ['3', '3', 'mine']


def test_a_file_that_appears_meanwhile_stays(folder):
  refused = pytest.raises(errors.UserError, match='not what this command wrote')
  with refused, output_files.new_file(folder / 'f', SIGN) as target:
    target.write_text('new, written by me')
    (folder / 'f').write_text('by somebody')
  assert (folder / 'f').read_text() == 'by somebody'


def test_a_link_stays_a_link(folder):
  write_file(folder / 'f')
  (folder / 'link').symlink_to('f')
  write_file(folder / 'link', 'newer, written by me')
  assert (folder / 'link').is_symlink() and (folder / 'f').read_text() == 'newer, written by me'


def test_a_file_of_a_run_is_written_whole_or_stays_as_it_was(tmp_path, monkeypatch):
  output_files.write_whole(tmp_path / 'config.gin', 'SEED = 1')
  def full(_):
    raise OSError(errno.ENOSPC, 'No space left on device')
  monkeypatch.setattr(os, 'fsync', full)
  with pytest.raises(OSError, match=r"No space left.*config\.gin'"):
    output_files.write_whole(tmp_path / 'config.gin', 'SEED = 2')
  assert contents(tmp_path) == {'config.gin': b'SEED = 1'}
