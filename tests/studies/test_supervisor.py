"""Runs are started, put back, given up and gone on with, by how their processes end."""

import dataclasses
import json
import os
import pathlib
import shutil
import signal
import sys
import threading
import time
import types

import pytest

from tf_stugan import errors
from tf_stugan import signals
from tf_stugan.studies import engines
from tf_stugan.studies import plan as plans
from tf_stugan.studies import supervisor
from tf_stugan.studies.display import Display
from tf_stugan.studies.folder import Folder
from tf_stugan.studies.folder import Outcome
from tf_stugan.training import workdir_lock

# Stands for `python -m tf_stugan.cli train`: appends its name to a file, and ends as the file `ends` says next.
_PROGRAM = """
import json, os, pathlib, signal, sys, time
name = sys.argv[1]
folder = pathlib.Path(sys.argv[2])
(folder / 'runs' / name).mkdir(parents=True, exist_ok=True)
with open(folder / 'started', 'a') as file:
  file.write(name + '\\n')
ends = json.loads((folder / 'ends').read_text()).get(name, [])
count = (folder / 'started').read_text().split().count(name)
end = ends[count - 1] if count <= len(ends) else 0
if end == 'wait':
  signal.signal(signal.SIGTERM, lambda *_: sys.exit(42))
  time.sleep(60)
print('tf-stugan train: because of ' + name if end == 2 else 'a traceback' if end == 1 else '', flush=True)
if end < 0:
  os.kill(os.getpid(), -end)
  time.sleep(60)
sys.exit(end)
"""


def run(name, row='row', bindings=()):
  return plans.Run(name, row, 1, {}, ['quickstart.gin'], list(bindings), 'static', 10, 1.0, 1.0)


@pytest.fixture(name='folder')
def make_folder(tmp_path, monkeypatch):
  program = tmp_path / 'program.py'
  program.write_text(_PROGRAM)

  def start(command, **kwargs):
    return popen([sys.executable, str(program), command[-1], str(tmp_path / 'study')], **kwargs)
  popen = engines.subprocess.Popen
  monkeypatch.setattr(engines.subprocess, 'Popen', start)
  (tmp_path / 'study').mkdir()
  return Folder(tmp_path / 'study')


def supervise(folder, names, ends=None, jobs=2):
  """Takes runs to their ends; returns the names of processes in the order in which they began."""
  (folder.path / 'ends').write_text(json.dumps(ends or {}))
  runs = [run(name) for name in names]

  def make_task(entry):
    return engines.Task(entry.name, str(folder.workdir(entry)), str(folder.log(entry)), (entry.name,), {})
  with Display(folder, runs, folder.outcomes()) as display:
    supervisor.Supervisor(folder, engines.Local(jobs), display, make_task, lambda: None).run(
        supervisor.open_runs(runs, folder.outcomes()))
  return (folder.path / 'started').read_text().split()


def test_each_end_has_its_consequence_and_the_same_command_does_what_is_missing(folder):
  ends = {'b': [42, -signal.SIGTERM, 0], 'c': [4], 'd': [2, 0], 'e': [1, 0]}
  assert sorted(supervise(folder, 'abcde', ends)) == sorted('abbbcde')
  assert {name: (o.state, o.code, o.reason) for name, o in folder.outcomes().items()} == {
      'a': ('done', 0, ''), 'b': ('done', 0, ''), 'c': ('diverged', 4, 'exit code 4'), 'd': ('failed', 2, 'because of d'),
      'e': ('failed', 1, 'a traceback')}
  started = supervise(folder, 'abcdef', ends)
  assert sorted(started) == sorted('abbbcde' + 'def')
  assert {o.state for o in folder.outcomes().values()} == {'done', 'diverged'}
  assert supervise(folder, 'abcdef', ends) == started


def test_why_a_run_failed_is_what_it_said_the_last_time(folder):
  for reason in ('because of a', 'a traceback'):
    supervise(folder, 'a', {'a': [2, 1]})
    assert folder.outcomes()['a'].reason == reason


def test_a_stop_has_all_runs_save_and_forgets_none(folder):
  def stop():
    started = folder.path / 'started'
    while not started.exists() or len(started.read_text().split()) < 2:
      time.sleep(0.1)
    time.sleep(0.5)  # they handle signals now
    os.kill(os.getpid(), signal.SIGINT)
  threading.Thread(target=stop).start()
  with signals.handled(signals.interrupt), pytest.raises(errors.Interrupted, match='The same command goes on'):
    supervise(folder, 'abc', {'a': ['wait'], 'b': ['wait']})  # as the command does: a shell may have SIGINT ignored
  assert folder.outcomes() == {}
  assert sorted(supervise(folder, 'abc')) == sorted('aabbc')


def test_each_run_has_a_gpu_of_its_own(tmp_path, monkeypatch):
  given = []
  monkeypatch.setattr(engines, 'start', lambda task, **environment: given.append(environment) or _Never())
  engine = engines.Local(8, ['3', '5'])
  assert engine.slots == 2
  first, _ = engine.submit(None), engine.submit(None)
  assert [e['CUDA_VISIBLE_DEVICES'] for e in given] == ['3', '5']
  first.process.returncode = 0
  engine.submit(None)
  assert given[-1]['CUDA_VISIBLE_DEVICES'] == '3'


class _Never:
  """A process that does not end until somebody sets its code."""

  returncode = None

  def poll(self):
    return self.returncode


class _Lossy:
  """An engine that loses every run."""

  slots = 1

  def submit(self, task):
    return self

  def done(self):
    return True

  def result(self):
    raise RuntimeError('the node is gone')


def test_a_run_that_is_lost_again_and_again_has_failed(folder):
  with Display(folder, [run('a')], {}) as display:
    supervisor.Supervisor(folder, _Lossy(), display, lambda entry: None, lambda: None).run([run('a')])
  assert folder.outcomes()['a'][:3] == ('failed', 1, 'the node is gone')


def test_a_run_that_is_killed_says_so(folder):
  supervise(folder, 'a', {'a': [0]})
  outcome = supervisor.Supervisor(folder, None, None, None, None)._reason(run('zz'), -9)  # pylint: disable=protected-access
  assert outcome == 'killed by SIGKILL'


def begun(folder, *runs, generated=None):
  folder.write(plans.Plan(runs, generated or {}), 1)
  for entry in runs:
    folder.workdir(entry).mkdir(parents=True)


def test_a_folder_of_another_study_is_refused_and_a_larger_study_is_not(tmp_path):
  folder = Folder(tmp_path)
  begun(folder, run('a', bindings=['X = 1']))
  folder.check_same(plans.Plan([run('b'), run('a', bindings=['X = 1'])], {}))
  with pytest.raises(errors.UserError, match='another study: it has the run a'):
    folder.check_same(plans.Plan([run('b')], {}))
  with pytest.raises(errors.UserError, match='its run a has another configuration .X = '):
    folder.check_same(plans.Plan([run('a', bindings=['X = 2'])], {}))


def test_a_folder_with_runs_of_somebody_else_is_refused(tmp_path):
  (tmp_path / 'runs').mkdir()
  with pytest.raises(errors.UserError, match='no folder of a study'):
    Folder(tmp_path).read()
  (tmp_path / 'study.json').write_text('{"format": "another"}')
  with pytest.raises(errors.UserError, match='damaged, or of another version'):
    Folder(tmp_path).read()


def test_a_disk_that_is_too_small_is_told_before(tmp_path):
  with pytest.raises(errors.DiskError, match='GiB are free'):
    Folder(tmp_path).check_disk([plans.Run('a', 'a', 1, {}, [], [], disk=2**60)])


def test_checkpoints_of_a_run_that_was_stopped_need_no_room_again(tmp_path, monkeypatch):
  monkeypatch.setattr(shutil, 'disk_usage', lambda path: types.SimpleNamespace(free=2**30 + 50))
  folder, stopped = Folder(tmp_path), plans.Run('a', 'a', 1, {}, [], [], disk=100)
  with pytest.raises(errors.DiskError):
    folder.check_disk([stopped])
  checkpoints = folder.workdir(stopped) / 'round-01' / 'checkpoints'
  checkpoints.mkdir(parents=True)
  (checkpoints / 'saved').write_bytes(bytes(60))
  folder.check_disk([stopped])


def test_outcomes_survive_a_line_that_was_cut_off(tmp_path):
  folder = Folder(tmp_path)
  begun(folder, run('a'), run('b'))
  folder.note(run('a'), Outcome('done', 0))
  with open(tmp_path / 'outcomes.jsonl', 'a') as file:
    file.write('{"run": "b", "sta')
  assert list(folder.outcomes()) == ['a']
  folder.workdir(run('a')).rmdir()
  assert folder.outcomes() == {}  # it is to be made again


def test_a_run_that_its_own_command_brought_to_its_end_is_done(tmp_path):
  folder = Folder(tmp_path)
  runs = [dataclasses.replace(run(name), stages={'dense': (0, 4), '': (0, 10)}) for name in 'abcd']
  folder.write(plans.Plan(runs, {}), 1)
  for name, step, pending in (('a', 10, False), ('b', 9, False), ('c', 10, True)):
    checkpoint = folder.workdir(run(name)) / 'checkpoints' / f'step-{step:08}'
    checkpoint.mkdir(parents=True)
    (checkpoint / 'state.json').write_text(json.dumps({'pending_evaluation': pending}))
  assert folder.outcomes() == {'a': Outcome('done', 0)}
  folder.note(run('a'), Outcome('failed', 3, 'the last word'))
  assert folder.outcomes()['a'].state == 'failed'


def test_a_run_ends_with_whoever_started_it_and_waits_for_who_has_its_folder(tmp_path):
  """The launcher is started by a process that is killed; and then while somebody holds the workdir."""
  script = tmp_path / 'starter.py'
  script.write_text(f"""
import sys, time
from tf_stugan.studies import engines
engines.start(engines.Task('a', {str(tmp_path / 'w')!r}, {str(tmp_path / 'log')!r}, ('train', '--workdir=x'), {{}}))
time.sleep(60)
""")
  (tmp_path / 'w').mkdir()
  with workdir_lock.hold(tmp_path / 'w'):
    root = str(pathlib.Path(__file__).parents[2])
    starter = engines.subprocess.Popen([sys.executable, str(script)], env={**os.environ, 'PYTHONPATH': root})
    child = _wait(lambda: _children(starter.pid), 30)[0]
    _wait(lambda: 'studies.launch' in _command(child), 30)
    time.sleep(1.5)
    assert 'studies.launch' in _command(child)  # it waits for the lock
    starter.kill()
    starter.wait()
    _wait(lambda: not _command(child), 30)
  assert not (tmp_path / 'log').read_bytes()


def _children(pid):
  text = pathlib.Path(f'/proc/{pid}/task/{pid}/children').read_text()
  return [int(part) for part in text.split()]


def _command(pid):
  try:
    return pathlib.Path(f'/proc/{pid}/cmdline').read_text()
  except OSError:
    return ''


def _wait(condition, seconds):
  end = time.monotonic() + seconds
  while not (found := condition()):
    assert time.monotonic() < end
    time.sleep(0.05)
  return found
