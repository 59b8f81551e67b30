"""What is seen of a run, on a terminal of 80 columns and in a log file; of any game, whoever plays it."""

import io
import logging
import re
import types

import pytest
import rich.console

from tf_stugan.training import progress

ANSI = re.compile(r'\x1b\[[0-9;?]*[A-Za-z]')


@pytest.fixture
def trainer():
  """A game of three players with long names, two of which begin with one letter; and one of which nothing is told."""
  names = ('painter_of_horses', 'painter_of_zebras', 'critic')
  scalars = {f'{name}/loss': -0.125 for name in names} | {
      'painter_of_horses/density': 0.1, 'painter_of_horses/exploration_rate': 0.4321, 'balance_ratio': 0.5}
  gan = types.SimpleNamespace(balance=('balance_ratio',), turns=())
  sides = dict.fromkeys([*names, 'silent'])
  return types.SimpleNamespace(images_per_step=128, gan=gan, sides=sides, scalars=lambda: scalars)


def watch(trainer, console, last=50_048):
  """Reports step 25,000 and the last one."""
  evaluate = types.SimpleNamespace(last={'fcd': 123.456, 'cs': 7.891, 'cs_std': 0.1, 'kcd': 0.01234})
  hook = progress.Progress(1000, evaluate, console)
  hook.begin(trainer, 0, last)
  try:
    for step in (25_000, last):
      hook.after_call(trainer, step)
      hook(trainer, step)
  finally:
    hook.end()


def test_bar_time_and_figures_fit_a_terminal_of_80_columns(trainer):
  output = io.StringIO()
  watch(trainer, rich.console.Console(file=output, width=80, force_terminal=True, color_system=None))
  assert 'building the graph' in output.getvalue()
  lines = [ANSI.sub('', line).strip('\r') for line in output.getvalue().splitlines()]
  assert max(map(len, lines)) <= 80
  last = lines[max(i for i, line in enumerate(lines) if 'images/s' in line):]
  assert re.fullmatch(r'50048/50048 ━{20,} \d+ images/s ETA 0:00:00', last[0].strip())
  assert [line.split() for line in last[1:6] if line.strip()] == [
      ['loss', 'density', 'explored'], ['painter_of_horses', '-0.12', '0.100', '0.432'], ['painter_of_zebras', '-0.12'],
      ['critic', '-0.12'], ['FCD', '123.5', 'CS', '7.891', 'KCD', '0.01234', 'balance', 'ratio', '0.50']]


def test_a_report_is_one_line_where_there_is_no_terminal(trainer, caplog):
  output = io.StringIO()
  with caplog.at_level(logging.INFO):
    watch(trainer, rich.console.Console(file=output))
  assert output.getvalue() == ''
  assert len(caplog.messages) == 3 and 'building the graph' in caplog.messages[0]
  assert re.fullmatch(
      r'step 25000/50048 \d+ images/s ETA 0:00:\d\d \| FCD 123.5, CS 7.891, KCD 0.01234, balance ratio 0.50, '
      r'painter_of_horses: loss -0.12 density 0.100 explored 0.432, '
      r'painter_of_zebras: loss -0.12, critic: loss -0.12', caplog.messages[1])


def test_a_run_that_is_at_its_end_says_so(trainer, caplog):
  hook = progress.Progress(1000, None, rich.console.Console(file=io.StringIO()))
  with caplog.at_level(logging.INFO):
    hook.begin(trainer, 8, 8)
  assert caplog.messages == ['step 8 is reached: no step is left to train']
