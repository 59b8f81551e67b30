import os

import pytest

from tf_stugan import cli
from tf_stugan import errors
from tf_stugan.training import workdir_lock
from tf_stugan.training.workdir import Workdir


def test_a_folder_that_is_not_there(tmp_path):
  with pytest.raises(errors.UserError, match='does not exist'):
    Workdir(tmp_path / 'no')
  (tmp_path / 'file').touch()
  with pytest.raises(errors.UserError, match='cannot be made'):
    Workdir(tmp_path / 'file' / 'run', create=True)


@pytest.mark.parametrize('name', ['', 'nul\0', os.fsdecode(b'latin-\xe4')])
def test_names_that_tensorflow_does_not_take(name, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  with pytest.raises(errors.UserError, match='cannot be the folder of a run'):
    Workdir(name, create=True)
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('error, stays', [
    (errors.DataError('no images'), False), (MemoryError('too wide'), False), (errors.DivergedError('NaN'), True)])
def test_who_ends_before_the_first_step_leaves_nothing_unless_it_has_begun_to_train(tmp_path, error, stays):
  workdir = Workdir(str(tmp_path / 'new' / 'run'), create=True)
  with pytest.raises(type(error)), workdir_lock.hold(workdir.path), workdir.discarded_if_refused():
    workdir.write_config('SEED = 1')
    raise error
  assert (tmp_path / 'new').exists() == stays


def test_a_procedure_stays_from_the_first_step_of_its_first_stage_on(tmp_path):
  def attempt(stage, *rows):
    workdir = Workdir(str(tmp_path / 'run'), create=True)
    with pytest.raises(errors.DataError), workdir_lock.hold(workdir.path), workdir.discarded_if_refused():
      workdir.write_config('SEED = 1')
      place = workdir.stage(stage)
      with place.discarded_if_refused():
        place.write_config('SEED = 1')
        place.metrics.write_text(''.join(f'{{"kind": "train", "step": {step}}}\n' for step in rows))
        raise errors.DataError('no images')
  attempt('dense')
  assert not (tmp_path / 'run').exists()
  attempt('dense', 2)
  attempt('search')
  assert sorted(path.name for path in (tmp_path / 'run').iterdir()) == ['.lock', 'config.gin', 'dense']


@pytest.mark.parametrize('begun', [True, False])
def test_a_stage_that_is_refused_leaves_the_stages_before_it_whole(tmp_path, begun):
  workdir = Workdir(str(tmp_path / 'new'), create=True)
  with pytest.raises(errors.DataError), workdir_lock.hold(workdir.path), workdir.discarded_if_refused():
    workdir.write_config('SEED = 1')
    if begun:
      before = workdir.stage('dense')
      with before.discarded_if_refused():
        before.write_config('SEED = 1')
        (before.checkpoints / 'step-00000004').mkdir(parents=True)
    refused = workdir.stage('round-01')
    with refused.discarded_if_refused():
      refused.write_config('SEED = 1')
      raise errors.DataError('no images')
  left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob('*.gin')}
  assert left == ({'new/config.gin', 'new/dense/config.gin'} if begun else set())
  assert (tmp_path / 'new').exists() == begun and not (tmp_path / 'new' / 'round-01').exists()


@pytest.mark.parametrize('command', [
    'train', 'train --dry_run', 'train --allow_config_change', 'train --gin_file=quickstart.gin', 'sample', 'evaluate',
    'export', 'pack', 'ticket', 'translate --to=b --input=. --output=translated'])
def test_a_run_of_version_0_1_is_refused_with_what_to_do_and_stays(command, tmp_path, capsys, monkeypatch):
  monkeypatch.chdir(tmp_path)
  (tmp_path / 'run' / 'checkpoints' / 'step-00000004').mkdir(parents=True)
  (tmp_path / 'run' / 'config.gin').write_text('from __gin__ import dynamic_registration\nNUM_STEPS = 4\n')
  (tmp_path / 'run' / 'metrics.jsonl').write_text('{"kind": "train", "step": 4}\n')
  (tmp_path / 'a.png').touch()
  before = {path: path.read_bytes() for path in tmp_path.rglob('*') if path.is_file() and path.name != '.lock'}
  assert cli.main(['tf-stugan', *command.split(), '--workdir=run']) == 2
  told = capsys.readouterr().err.strip().splitlines()[-1]
  assert 'run was written by another version of tf_stugan' in told and "pip install 'tf_stugan<0.2'" in told
  assert {path: path.read_bytes() for path in tmp_path.rglob('*') if path.is_file() and path.name != '.lock'} == before
