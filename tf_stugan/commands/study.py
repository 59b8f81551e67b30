"""What `tf-stugan study` does. It never imports TensorFlow: that memory, and the GPUs, are for the runs."""

import math
import os
import shlex
import subprocess
import sys

from absl import flags

from tf_stugan import errors
from tf_stugan.studies import engines
from tf_stugan.studies import folder as folders
from tf_stugan.studies import plan as plans
from tf_stugan.studies.display import Display
from tf_stugan.studies.folder import Folder
from tf_stugan.studies.study import parse_axis
from tf_stugan.studies.supervisor import open_runs
from tf_stugan.studies.supervisor import Supervisor
from tf_stugan.training import workdir_lock
from tf_stugan.training.workdir import Workdir
from tf_stugan.usage.common import parse_numbers
from tf_stugan.usage.common import quote_item


def run(values: flags.FlagValues) -> None:
  folder = Folder(values.workdir)
  before = folder.read()
  whole = plans.make(_request(values))
  plan = plans.restrict(whole, values.rows)
  with workdir_lock.hold(Workdir(values.workdir, create=True).path):
    folder.check_same(whole)
    missing = open_runs(plan.runs, folder.outcomes())
    if not values.print_commands:
      sys.stdout.write(_describe(plan, missing, values.tera) + '\n')
      sys.stdout.flush()
    folder.check_disk(missing)
    jobs = values.jobs or _carried(values, plan)
    threads = values.threads or before.get('threads') or (
        max(1, _cores() // jobs) if values.engine == 'local' else 1)
    if not values.dry_run:
      folder.write(whole, threads)
    if values.print_commands:
      _print_commands(values, folder, missing)
    elif not values.dry_run:
      _train(values, folder, plan, missing, threads)


def _request(values):
  """Returns what `check.plan` is asked."""
  return {'gin_file': values.gin_file, 'gin_param': values.gin_param, 'axis': [parse_axis(axis) for axis in values.axis],
          'seeds': parse_numbers('seeds', values.seeds) if values.seeds else None, 'gin_module': values.gin_module,
          'data_dir': values.data_dir, 'cache_dir': values.cache_dir}


def _cores():
  """Counts the cores that this process may use."""
  return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def _carried(values, plan):
  """Runs at a time that this machine, or a cluster, is given."""
  if values.engine != 'local':
    return len(plan.runs)
  return min(len(plan.runs), plan.gpus or _cores())


def _describe(plan, missing, tera):
  """Returns a line a row: what it sets, how long it is, what it costs; and all together."""
  def hours(runs):
    return sum(entry.computed for entry in runs) / tera / 1e12 / 3600
  rows = {}
  for entry in plan.runs:
    rows.setdefault(entry.row, []).append(entry)
  cells = [('row', 'method', 'steps', 'FLOPs a run', 'of dense', 'seeds', *(('hours a run',) if tera else ()))]
  for name, runs in rows.items():
    first = runs[0]
    cells.append((name, first.method, f'{first.num_steps:,}', f'{first.training:.3g}',
                  f'{"" if first.exact else "about "}{first.training / first.dense_training:.3f}',
                  ','.join(str(entry.seed) for entry in runs), *((f'{hours([first]):.2f}',) if tera else ())))
  widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
  lines = ['  '.join(map(str.ljust, row, widths)).rstrip() for row in cells]
  total = sum(entry.training for entry in missing)
  disk = sum(entry.disk for entry in missing) / 1e6
  return '\n'.join([*lines, '', f'{len(plan.runs)} runs, {len(missing)} of them to be trained: {total:.3g} FLOPs, '
                    f'checkpoints of about {disk:,.0f} MB.',
                    *([f'One by one {hours(missing):,.1f} h at {tera:g} x 10^12 operations a second, but for scores.']
                      if tera else [])])


def _arguments(values, folder, entry):
  """Lists the arguments of the command that trains a run."""
  machine = [f'--{name}={os.path.abspath(values[name].value)}' for name in ('data_dir', 'cache_dir')
             if values[name].value]
  modules = (f'--gin_module={module}' for module in values.gin_module)
  return ('train', *entry.flags(folder.path.absolute()), *machine, *modules)


def _print_commands(values, folder, missing):
  for entry in missing:
    sys.stdout.write(shlex.join(['tf-stugan', *_arguments(values, folder, entry)]) + '\n')


def _train(values, folder, plan, missing, threads):
  environment = {'TF_NUM_INTRAOP_THREADS': str(threads), 'TF_NUM_INTEROP_THREADS': str(threads)}

  def make_task(entry):
    return engines.Task(entry.name, str(folder.workdir(entry).absolute()), str(folder.log(entry).absolute()),
                        _arguments(values, folder, entry), environment)
  ended = {name: outcome for name, outcome in folder.outcomes().items() if name not in {entry.name for entry in missing}}
  reporter = _Reporter(folder)
  if missing:
    engine = _make_engine(values, folder, plan, threads)
    try:
      with Display(folder, plan.runs, ended) as display:
        Supervisor(folder, engine, display, make_task, reporter.begin).run(missing)
    finally:
      engine.close()
  sys.stdout.write(reporter.finish())
  outcomes = folder.outcomes()
  failed = [entry for entry in plan.runs if outcomes[entry.name].state == folders.FAILED]
  if failed:
    first = outcomes[failed[0].name]
    error = errors.UserError(f'{len(failed)} of {len(plan.runs)} runs failed; {failed[0].name}: {first.reason} '
                             f'({folder.log(failed[0])}). The same command tries them again.')
    error.exit_code = first.code if first.code > 0 else 1
    raise error


def _make_engine(values, folder, plan, threads):
  slots = values.jobs or math.inf
  if values.engine == 'ray':
    return engines.Ray(threads, slots)
  if values.engine == 'slurm':
    return engines.Slurm(folder.path / 'slurm', threads, dict(option.split('=', 1) for option in values.slurm), slots)
  numbers = os.environ.get('CUDA_VISIBLE_DEVICES') or ','.join(map(str, range(plan.gpus)))
  return engines.Local(values.jobs or _carried(values, plan), numbers.split(',') if plan.gpus else ())


class _Reporter:
  """Reports on a study in a process of its own, so that no run waits for figures.

  One that is asked for while another is being made is left to the next time.
  """

  def __init__(self, folder: Folder):
    flags_ = [f'--workdirs={quote_item(str(folder.path))}', f'--output={folder.report}']
    self._command = [sys.executable, '-m', 'tf_stugan.cli', 'report', *flags_]
    self._process = None

  def begin(self) -> None:
    """Begins a report, if none is being made."""
    if self._process is None or self._process.poll() is not None:
      self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)

  def finish(self) -> str:
    """Makes the last report; returns its tables. A report that fails is no reason to fail: it says why itself."""
    if self._process:
      self._process.wait()
    return subprocess.run(self._command, stdout=subprocess.PIPE, text=True, check=False).stdout
