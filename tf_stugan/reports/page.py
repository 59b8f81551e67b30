"""A report as one HTML file, which needs nothing beside itself, and no network."""

import base64
from collections.abc import Mapping, Sequence
import functools
import pathlib
from typing import NamedTuple

import jinja2
import pandas as pd

from tf_stugan.reports.rows import Row

_MOST_SHEETS = 36


class Table(NamedTuple):
  """A table of the page: its title, its texts, and what is to be said of it."""

  title: str
  words: pd.DataFrame
  note: str


def make(title: str, tables: Sequence[Table], figures: Sequence[pathlib.Path], rows: Sequence[Row]) -> str:
  """Returns the page: sortable tables, figures, and beside each other the newest samples of the first run of each row.

  Args:
    title: of the page.
    tables: those of the report.
    figures: PNG files.
    rows: whose samples are shown.
  """
  return _template().render(title=title, tables=tables, figures={path.stem: _encoded(path) for path in figures},
                            samples=_samples(rows))


@functools.cache
def _template():
  environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
  return environment.from_string(pathlib.Path(__file__).with_name('page.html').read_text(encoding='utf-8'))


def _samples(rows) -> Mapping[str, Mapping[str, str]]:
  sheets = {}
  for row in rows[:_MOST_SHEETS]:
    run = row.runs[0]
    for path in sorted(run.workdir.samples.glob('*.png'))[-1:]:
      sheets[run.name] = {'file': path.name, 'data': _encoded(path)}
  return sheets


def _encoded(path):
  return base64.b64encode(path.read_bytes()).decode()
