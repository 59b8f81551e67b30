"""Shows how far a run is."""

import contextlib
import logging
import time

import rich.console
import rich.live
import rich.progress
import rich.table
import rich.text

from tf_stugan.training.hooks import Hook
from tf_stugan.training.measuring import Evaluate

_LOG = logging.getLogger(__name__)

_FIGURES = {'loss': ('loss', '{:+.2f}'), 'density': ('density', '{:.3f}'), 'exploration_rate': ('explored', '{:.3f}')}
_BUILDING = 'building the graph of a step ...'  # which the first one waits for, a minute or more on a large network
_MARKS = 50  # returns to the host over which the speed is measured


class Progress(Hook):
  """Shows a bar and the figures of the last report on a terminal; elsewhere it logs a line for each report.

  Args:
    interval: steps between reports.
    evaluate: the hook that knows the last scores; None shows no scores.
    console: where it is shown; standard error if not given.
  """

  def __init__(self, interval: int, evaluate: Evaluate | None, console: rich.console.Console | None = None):
    super().__init__(interval)
    self._evaluate = evaluate
    self._console = console or rich.console.Console(stderr=True)
    self._live = None

  def begin(self, trainer, step, num_steps):
    self._images_per_step = trainer.images_per_step
    self._marks = [(time.monotonic(), step)]
    self._num_steps = num_steps
    self._figures = _BUILDING if step < num_steps else f'step {step} is reached: no step is left to train'
    if not self._console.is_terminal:
      _LOG.info(self._figures)
      return
    self._bar = rich.progress.Progress(
        rich.progress.MofNCompleteColumn(), rich.progress.BarColumn(bar_width=None),
        *(rich.progress.TextColumn(text, table_column=rich.table.Column(no_wrap=True)) for text in (
            '{task.fields[rate]}', 'ETA {task.fields[left]}')), expand=True)
    self._task = self._bar.add_task('', total=num_steps, completed=step, rate='', left='-')
    self._live = rich.live.Live(get_renderable=self._picture, console=self._console)
    self._live.start(refresh=True)

  def _picture(self):
    return rich.console.Group(self._bar, self._figures)

  def after_call(self, trainer, step):
    self._marks = [*self._marks[-_MARKS:], (time.monotonic(), step)]
    if self._live:
      rate, left = self._speed()
      self._bar.update(self._task, completed=step, rate=rate, left=left)
      if self._figures == _BUILDING:
        self._figures = ''

  def _speed(self):
    """Returns (images a second, time left), as text."""
    (start, first), (end, last) = self._marks[0], self._marks[-1]
    steps = (last - first) / max(end - start, 1e-9)
    minutes, seconds = divmod(int((self._num_steps - last) / max(steps, 1e-9)), 60)
    return f'{steps * self._images_per_step:.0f} images/s', f'{minutes // 60}:{minutes % 60:02}:{seconds:02}'

  def __call__(self, trainer, step):
    scalars = trainer.scalars()
    last = self._evaluate.last if self._evaluate else {}
    scores = {_capitals(name): f'{value:.4g}' for name, value in last.items() if not name.endswith('_std')}
    scores |= {name.replace('_', ' '): f'{scalars[name]:.2f}' for name in trainer.gan.balance if name in scalars}
    names = dict.fromkeys([*(turn.name for turn in trainer.gan.turns), *trainer.sides])
    figures = {name: {title: form.format(scalars[f'{name}/{key}']) for key, (title, form) in _FIGURES.items()
                      if f'{name}/{key}' in scalars} for name in names}
    players = {name: shown for name, shown in figures.items() if shown}
    if self._live:
      self._figures = _table(players, scores)
      return
    rate, left = self._speed()
    parts = [f'{name} {value}' for name, value in scores.items()]
    parts += [f'{name}: ' + ' '.join(f'{title} {value}' for title, value in figures.items())
              for name, figures in players.items()]
    _LOG.info('step %d/%d %s ETA %s | %s', step, self._num_steps, rate, left, ', '.join(parts))

  def end(self):
    if self._live:
      with contextlib.suppress(OSError):  # the terminal may have been closed meanwhile
        self._live.stop()
      self._live = None


def _capitals(name):
  """Turns 'a_to_b/fcd' into 'a_to_b/FCD'."""
  output, slash, score = name.rpartition('/')
  return output + slash + score.upper()


def _table(players, scores):
  """Makes a table with a row for each player, and a line of scores."""
  titles = list(dict.fromkeys(title for figures in players.values() for title in figures))
  table = rich.table.Table('', *(rich.table.Column(title, justify='right') for title in titles), box=None)
  for name, figures in players.items():
    table.add_row(name, *(figures.get(title, '') for title in titles))
  return rich.console.Group(table, rich.text.Text(' ' + '   '.join(f'{name} {value}' for name, value in scores.items())))
