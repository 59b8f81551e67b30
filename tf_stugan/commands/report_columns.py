"""Columns of a report beside those that runs tell themselves: cost by another convention, measurements from a file."""

from collections.abc import Iterable
import os

from absl import flags
import pandas as pd

from tf_stugan import errors
from tf_stugan.reports import records as records_lib
from tf_stugan.reports import rows as rows_lib


class Columns:
  """Tells these columns, run by run.

  Attributes:
    measured: names of the columns that were read from the file.
  """

  def __init__(self, values: flags.FlagValues):
    self._values = values
    logged = values.convention == 'measured'  # by the runs
    self._convention = None if logged else _find_convention(values.convention)
    self._table = _read_measurements(values.measurements) if values.measurements else None
    self._costs = {}  # by (run, step); each takes seconds
    self.measured = [] if self._table is None else [c for c in self._table.columns if c not in ('run', 'row', 'form')]

  def __call__(self, entry: rows_lib.Run, last_step: int) -> dict[str, object]:
    if self._convention and (entry.name, last_step) not in self._costs:
      cost = _cost_by_convention(self._values, entry.workdir, last_step, self._convention)
      self._costs[entry.name, last_step] = cost
    return self._costs.get((entry.name, last_step), {}) | self._measurements(entry)

  def with_forms(self, runs: Iterable[rows_lib.Run]) -> list[rows_lib.Run]:
    """Returns the runs, each followed by those of its forms that were measured beside it, as runs of rows of their own."""
    result = []
    for entry in runs:
      result.append(entry)
      result += [entry._replace(name=f'{entry.name}, {form}', row=f'{entry.row}, {form}', form=form)
                 for form in dict.fromkeys(self._lines(entry)['form']) if form]
    return result

  def _lines(self, entry):
    """Returns those of the file that are about a run, whatever its form."""
    if self._table is None:
      return pd.DataFrame({'form': []})
    if 'run' not in self._table:
      return self._table[self._table['row'] == entry.row.removesuffix(f', {entry.form}')]
    names = self._table['run']
    return self._table[(names == entry.name.removesuffix(f', {entry.form}')) | (
        names.map(os.path.abspath) == os.path.abspath(entry.workdir.path))]

  def _measurements(self, entry):
    lines = self._lines(entry)
    lines = lines[lines['form'] == entry.form]
    return {} if lines.empty else lines[self.measured].to_dict('records')[0]


def _read_measurements(path):
  try:
    table = pd.read_csv(path)
  except (ValueError, UnicodeDecodeError) as error:
    raise errors.UserError(f'--measurements={path} is no CSV file: {errors.first_line(error)}') from error
  if not {'run', 'row'} & set(table.columns):
    raise errors.UserError(f'--measurements={path} has no column `run` or `row`, by which its lines would be found.')
  table = table.assign(form=table['form'].fillna('') if 'form' in table else '')
  return table.astype({name: str for name in ('run', 'row', 'form') if name in table})


def _find_convention(name):
  from tf_stugan.metrics import cost  # pylint: disable=g-import-not-at-top  (TensorFlow, which takes seconds)
  return next(convention for convention in cost.CONVENTIONS if convention.name == name)


def _cost_by_convention(values, workdir, last_step, convention):
  """Adds up the cost of training from the densities that the run logged."""
  from tf_stugan.commands import common  # pylint: disable=g-import-not-at-top
  from tf_stugan.reports import ledger  # pylint: disable=g-import-not-at-top
  measured = dict.fromkeys(records_lib.training_cost(workdir.rows(), last_step))  # others stand in their place, or none
  columns = {**measured, 'training FLOPs': None, 'training FLOPs / dense': None, 'convention': convention.name}
  if densities := records_lib.logged_densities(workdir, last_step):
    trainer = common.make_experiment(values, workdir).make_trainer()
    operations, dense = ledger.spent(trainer, densities, last_step, convention)
    columns |= {'training FLOPs': operations, 'training FLOPs / dense': operations / dense}
  return columns
