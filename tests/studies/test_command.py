"""`tf-stugan study` from its flags to its exit code: with a plan of a test and programs that stand for training."""

import json
import shlex
import subprocess
import sys
import time

import pytest

from tests import processes
from tests.reports.test_records import run as write_run
from tests.studies import small
from tf_stugan import cli
from tf_stugan import errors
from tf_stugan.studies import engines
from tf_stugan.studies import plan as plans
from tf_stugan.studies.display import last_rows
from tf_stugan.training import workdir_lock
from tf_stugan.training.workdir import Workdir

ROWS = ('static', 'stugan')
PLAN = plans.Plan(
    [plans.Run(f'{row}_s{seed}', row, seed, {'method': row}, [plans.marked(f'quickstart-{row}.gin')], [f'SEED = {seed}'],
               row, 8, 3e9, 6e9, True, 1000, 5.4e9) for seed in (1, 2) for row in ROWS],
    {f'quickstart-{row}.gin': f'# {row}\n' for row in ROWS})


@pytest.fixture(name='study')
def make_study(tmp_path, monkeypatch):
  """Calls the command with the plan above; runs end with the codes in `ends`, others with 0."""
  monkeypatch.setattr(plans, 'make', lambda request: requests.append(request) or PLAN)
  popen, requests = subprocess.Popen, []

  def start(command, **kwargs):
    if 'tf_stugan.studies.launch' not in command:
      return popen(command, **kwargs)
    workdir = command[command.index('tf_stugan.studies.launch') + 2]
    name = workdir.rpartition('/')[2]
    if not (tmp_path / 'a' / 'runs' / name).exists():
      write_run(tmp_path / 'a' / 'runs', name, [5.0, 4.0])
    return popen([sys.executable, '-c', f'print("tf-stugan train: why"); raise SystemExit({ends.get(name, 0)})'], **kwargs)
  monkeypatch.setattr(engines.subprocess, 'Popen', start)
  ends = {}

  def call(*flags, **codes):
    ends.clear()
    ends.update(codes)
    return cli.main(['tf-stugan', 'study', f'--workdir={tmp_path / "a"}', '--gin_file=quickstart.gin', *flags])
  call.requests = requests
  return call


def test_the_plan_is_told_and_nothing_is_started_by_a_dry_run(study, tmp_path, capsys):
  assert study('--dry_run', '--axis=method=static,stugan', '--seeds=1-2', '--gin_param=NUM_STEPS = 8') == 0
  assert study.requests[0]['axis'] == [('method', ['static', 'stugan'])] and study.requests[0]['seeds'] == [1, 2]
  out = capsys.readouterr().out
  assert '4 runs, 4 of them to be trained: 1.2e+10 FLOPs' in out
  assert [line.split() for line in out.splitlines()[1:3]] == [
      [row, row, '8', '3e+09', '0.500', '1,2'] for row in ('static', 'stugan')]
  assert not (tmp_path / 'a' / 'runs').exists()


def test_the_plan_tells_hours_at_a_given_speed(study, capsys):
  assert study('--dry_run', '--tera=1e-6') == 0
  out = capsys.readouterr().out
  assert [line.split()[-1] for line in out.splitlines()[1:3]] == ['1.50', '1.50']
  assert 'One by one 6.0 h at 1e-06' in out


def test_commands_for_any_other_scheduler(study, tmp_path, capsys):
  assert study('--print_commands', '--gin_module=mine') == 0
  commands = [shlex.split(line) for line in capsys.readouterr().out.splitlines()]
  assert len(commands) == 4 and commands[0][:3] == ['tf-stugan', 'train', f'--workdir={tmp_path}/a/runs/static_s1']
  assert {'--gin_param=SEED = 1', f'--gin_file={tmp_path}/a/experiments/quickstart-static.gin', '--gin_module=mine'} <= set(
      commands[0])
  assert (tmp_path / 'a' / 'experiments' / 'quickstart-static.gin').read_text() == '# static\n'


def test_rows_are_chosen_by_name_or_pattern_and_the_study_stays_whole(study, tmp_path, capsys):
  assert study('--print_commands', '--rows=st?tic') == 0
  workdirs = [shlex.split(line)[2] for line in capsys.readouterr().out.splitlines()]
  assert [workdir.rpartition('/')[2] for workdir in workdirs] == ['static_s1', 'static_s2']
  assert {run['row'] for run in json.loads((tmp_path / 'a' / 'study.json').read_text())['plan']['runs']} == set(ROWS)
  assert study('--dry_run', '--rows=stugan,static') == 0
  assert '4 runs, 4 of them to be trained' in capsys.readouterr().out
  assert study('--rows=stugan*,statik') == 2
  assert '--rows: statik is no row of this study; there are static, stugan. Did you mean static?' in capsys.readouterr().err


@pytest.mark.slow
def test_a_failed_run_stops_no_other_and_its_code_is_that_of_the_study(study, tmp_path, capsys):
  assert study('--jobs=2', static_s2=3, stugan_s1=4) == 3
  out, err = capsys.readouterr()
  assert '1 of 4 runs failed; static_s2: why' in err and '| stugan_s1 | diverged | why' in out
  assert (tmp_path / 'a' / 'report' / 'report.html').exists()
  before = json.loads((tmp_path / 'a' / 'study.json').read_text())['threads']
  assert study('--jobs=1') == 0
  rows = [json.loads(line) for line in (tmp_path / 'a' / 'outcomes.jsonl').read_text().splitlines()]
  assert [row['run'] for row in rows][4:] == ['static_s2'] and rows[-1]['state'] == 'done'
  assert json.loads((tmp_path / 'a' / 'study.json').read_text())['threads'] == before  # whatever --jobs is now


def test_one_study_has_a_folder_at_a_time(study, tmp_path, capsys):
  with workdir_lock.hold(Workdir(str(tmp_path / 'a'), create=True).path):
    assert study() == 2
  assert 'is in use by another run' in capsys.readouterr().err


@pytest.mark.slow
def test_what_the_check_finds_is_told_in_one_line_and_leaves_nothing(tmp_path, capsys):
  flags = [f'--workdir={tmp_path}/new', '--gin_file=quickstart.gin', '--axis=GENERATOR_DENSTY=0.1']
  assert cli.main(['tf-stugan', 'study', *flags]) == 2
  assert capsys.readouterr().err.splitlines()[-1] == (
      'tf-stugan study: The axis GENERATOR_DENSTY names nothing that any of these runs uses. '
      'Did you mean GENERATOR_DENSITY?')
  assert not (tmp_path / 'new').exists()


@pytest.mark.parametrize('engine, module, message', [
    ('ray', 'ray', r"pip install 'tf_stugan\[ray\]'"), ('slurm', 'submitit', r"pip install 'tf_stugan\[slurm\]'")])
def test_an_engine_that_is_not_installed_is_named(study, engine, module, message, monkeypatch, capsys):
  monkeypatch.setitem(sys.modules, module, None)
  assert study(f'--engine={engine}') == 2
  assert message.replace('\\', '') in capsys.readouterr().err


def test_jobs_of_slurm(tmp_path, monkeypatch):
  """By submitit's own local engine, which runs the same scripts as processes; and the script that Slurm would get."""
  submitit = pytest.importorskip('submitit')
  monkeypatch.setenv('PYTHONPATH', str(processes.ROOT))
  with pytest.raises(errors.UserError, match='--engine=slurm: '):  # there is no Slurm here, or no such option
    engines.Slurm(tmp_path, 1, {'slurm_nonsense': '1'})
  engine = engines.Slurm(tmp_path / 'slurm', 1, {'timeout_min': '5', 'slurm_partition': 'gpu'}, cluster='local')
  task = engines.Task('a', str(tmp_path / 'a'), str(tmp_path / 'a.log'), ('no_such_command',), {})
  handle = engine.submit(task)
  assert handle.result() == 2 and handle.done()  # the exit code of tf-stugan
  assert "there is no command 'no_such_command'" in (tmp_path / 'a.log').read_text()
  from submitit.slurm import slurm  # pylint: disable=g-import-not-at-top
  script = slurm._make_sbatch_string('x', tmp_path, partition='gpu', cpus_per_task=3, time=5)  # pylint: disable=protected-access
  assert '#SBATCH --cpus-per-task=3' in script and submitit.__version__


@pytest.mark.slow
@pytest.mark.multiprocess
def test_a_study_that_is_stopped_goes_on_by_the_same_command(tmp_path):
  file = small.write(tmp_path, NUM_STEPS=40)
  flags = ('--axis=GENERATOR_DENSITY=0.3', '--seeds=1,2', '--jobs=1')
  study = small.start(tmp_path / 'a', file, *flags)
  metrics = tmp_path / 'a' / 'runs' / '0.3_s1' / 'metrics.jsonl'
  while study.poll() is None and last_rows(metrics)[0] < 4:
    time.sleep(0.02)
  study.terminate()
  code, output = processes.finish(study, 600)
  assert code == 42 and 'The same command goes on' in output, output
  code, output = processes.finish(small.start(tmp_path / 'a', file, *flags), 900)
  assert code == 0, output
  assert 'Going on from the checkpoint' in (tmp_path / 'a' / 'logs' / '0.3_s1.log').read_text()
  rows = [json.loads(line) for line in (tmp_path / 'a' / 'outcomes.jsonl').read_text().splitlines()]
  assert [(row['run'], row['state']) for row in rows] == [('0.3_s1', 'done'), ('0.3_s2', 'done')]
