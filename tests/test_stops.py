"""What only a real process shows: how it ends after signals, on a full disk, and where no checkpoint is whole."""

import contextlib
import os
import pty
import signal
import subprocess

import pytest

from tests import processes
from tf_stugan.training import saved_steps
from tf_stugan.training.workdir import Workdir

STEPS = 200
pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def place(tmp_path_factory):
  return tmp_path_factory.mktemp('stops')


def begun(flags):
  """A process that has come to step 4, and what it said until then."""
  process = processes.train(flags)
  said = ''
  for line in process.stdout:
    said += line
    if ' step 4/' in line:
      break
  return process, said


@pytest.fixture(scope='module')
def flags(place):
  return processes.arguments(place / 'run', place / 'cache', NUM_STEPS=STEPS)


@pytest.fixture(scope='module')
def interrupted(place, flags):
  """A run that Ctrl-C stopped: (its workdir, exit code, output)."""
  process, said = begun(flags)
  process.send_signal(signal.SIGINT)
  code, output = processes.finish(process)
  return place / 'run', code, said + output


def test_ctrl_c_saves_and_says_how_to_go_on(interrupted):
  workdir, code, output = interrupted
  saved = saved_steps.step_of(saved_steps.list_checkpoints(workdir / 'checkpoints')[-1])
  assert code == 42 and f'Stopped at step {saved} as asked, and saved.' in output, output
  assert 4 <= saved < STEPS
  assert (workdir / 'checkpoints' / f'step-{saved:08d}' / 'operative_config.gin').exists()


def test_a_second_signal_ends_it_at_once_and_what_was_saved_is_whole(interrupted, flags):
  workdir, _, _ = interrupted
  process = processes.train(flags)
  assert any('Going on from the checkpoint' in line for line in process.stdout)
  assert any(' step ' in line for line in process.stdout)
  process.send_signal(signal.SIGINT)
  process.send_signal(signal.SIGTERM)
  processes.finish(process)
  assert process.returncode in (-signal.SIGTERM, 42)  # 42 where all was saved before the second one came
  assert (workdir / 'checkpoints').exists() and Workdir(workdir).rows()


def test_a_disk_that_is_full_ends_it_with_the_old_checkpoints(place):
  # A limit on the size of files, in KiB, stands in for the disk.
  flags = processes.arguments(place / 'full', place / 'cache', NUM_STEPS=4)
  command = ' '.join(f"'{word}'" for word in [processes.sys.executable, '-m', 'tf_stugan.cli', 'train', *flags])
  result = subprocess.run(
      ['bash', '-c', f'ulimit -f 40; exec {command}'], cwd=processes.ROOT, capture_output=True, text=True, timeout=120,
      env={**os.environ, 'PYTHONPATH': str(processes.ROOT)})
  assert result.returncode == 6, result.stderr
  assert 'could not be written' in result.stderr and 'Traceback' not in result.stderr
  assert not list((place / 'full' / 'checkpoints').iterdir())


def test_without_a_whole_checkpoint_it_does_not_start_over(interrupted, flags):
  workdir, _, _ = interrupted
  for path in saved_steps.list_checkpoints(workdir / 'checkpoints'):
    (path / 'manifest.json').write_text('{')
  code, output = processes.finish(processes.train(flags))
  assert code == 5 and 'none of them is whole' in output, output


def test_a_terminal_that_is_closed_stops_it_like_sigterm(place):
  flags = processes.arguments(place / 'closed', place / 'cache', NUM_STEPS=STEPS)
  pid, terminal = pty.fork()
  if pid == 0:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored where pytest was started by nohup, and then by the run, too
    os.environ['PYTHONPATH'] = str(processes.ROOT)
    os.execv(processes.sys.executable, [processes.sys.executable, '-m', 'tf_stugan.cli', 'train', *flags])
  metrics = place / 'closed' / 'metrics.jsonl'
  said = b''
  while not (metrics.exists() and '"step": 4,' in metrics.read_text()):
    said += os.read(terminal, 2**16)  # an OSError where the process has ended
  os.close(terminal)
  with contextlib.suppress(ProcessLookupError):
    os.kill(pid, signal.SIGHUP)  # a shell passes on its own
  _, status = os.waitpid(pid, 0)
  assert os.waitstatus_to_exitcode(status) == 42, said
  assert 4 <= saved_steps.step_of(saved_steps.list_checkpoints(place / 'closed' / 'checkpoints')[-1]) < STEPS


def test_it_does_without_tensorboard_and_tensorflow_hub(place):
  flags = processes.arguments(place / 'without', place / 'cache', NUM_STEPS=2)
  code = ('import sys; sys.modules.update(dict.fromkeys(["tensorboard", "tensorflow_hub"])); from tf_stugan import cli; '
          'sys.exit(cli.main(["tf-stugan", "train", *sys.argv[1:]]))')
  code, output = processes.finish(processes.start(['-c', code, *flags]))
  assert code == 0 and output.count('TensorBoard') == 1 and 'Traceback' not in output, output
