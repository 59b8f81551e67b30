import logging
import os
import subprocess
import sys

import pytest

from tf_stugan import errors
from tf_stugan.training import workdir_lock
from tf_stugan.training.workdir_lock import hold


def test_a_second_process_is_refused_and_told_of_the_first(tmp_path, caplog):
  code = ('import pathlib; from tf_stugan.training.workdir_lock import hold\n'
          f'with hold(pathlib.Path({str(tmp_path)!r})): print("held", flush=True); input()')
  with subprocess.Popen([sys.executable, '-c', code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
    assert other.stdout.readline() == 'held\n'
    with pytest.raises(errors.UserError, match=f'in use by another run: process {other.pid} on'), hold(tmp_path):
      pass
    other.kill()
  with caplog.at_level(logging.INFO), hold(tmp_path):  # the lock went with its process
    assert f'process {os.getpid()} on' in (tmp_path / '.lock').read_text()
  assert f'left locked by process {other.pid} on' in caplog.text and 'taken over' in caplog.text
  caplog.clear()
  with caplog.at_level(logging.INFO), hold(tmp_path):
    assert not caplog.text  # the one before left in order


def test_processes_that_train_rounds_of_a_ladder_share_its_workdir_and_keep_others_out(tmp_path):
  def refused(by):
    return pytest.raises(errors.UserError, match=f'in use by another run: {by}')
  with hold(tmp_path, shared=True), hold(tmp_path, shared=True), refused('one or several that train some of its rounds'):
    hold(tmp_path).__enter__()
  with hold(tmp_path), refused('process'):
    hold(tmp_path, shared=True).__enter__()


def test_a_file_system_without_locks_is_no_other_process(tmp_path, monkeypatch):
  def missing(*_):
    raise OSError(38, 'Function not implemented')
  (tmp_path / '.lock').touch()
  monkeypatch.setattr(workdir_lock.fcntl, 'flock', missing)
  assert not workdir_lock.is_held(tmp_path)  # or a study would wait for ever
  with pytest.raises(errors.UserError, match='cannot be locked .Function not implemented.'):
    hold(tmp_path).__enter__()
