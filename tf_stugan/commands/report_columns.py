"""Columns of a report beside those that runs tell themselves: cost by another convention, measurements from a file."""

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
    self.measured = [] if self._table is None else [c for c in self._table.columns if c not in ('run', 'row')]

  def __call__(self, entry: rows_lib.Run, last_step: int) -> dict[str, object]:
    if self._convention and (entry.name, last_step) not in self._costs:
      cost = _cost_by_convention(self._values, entry.workdir, last_step, self._convention)
      self._costs[entry.name, last_step] = cost
    return self._costs.get((entry.name, last_step), {}) | self._measurements(entry)

  def _measurements(self, entry):
    if self._table is None:
      return {}
    key = 'run' if 'run' in self._table else 'row'
    lines = self._table[self._table[key].astype(str) == getattr(entry, 'name' if key == 'run' else key)]
    return {} if lines.empty else lines[self.measured].iloc[0].to_dict()


def _read_measurements(path):
  try:
    table = pd.read_csv(path)
  except (ValueError, UnicodeDecodeError) as error:
    raise errors.UserError(f'--measurements={path} is no CSV file: {str(error).splitlines()[0]}') from error
  if not {'run', 'row'} & set(table.columns):
    raise errors.UserError(f'--measurements={path} has no column `run` or `row`, by which its lines would be found.')
  return table


def _find_convention(name):
  from tf_stugan.metrics import cost  # pylint: disable=g-import-not-at-top  (TensorFlow, which takes seconds)
  names = [convention.name for convention in cost.CONVENTIONS]
  if name not in names:
    raise errors.UserError(f'--convention={name}: take one of {", ".join(names)}.')
  return cost.CONVENTIONS[names.index(name)]


def _cost_by_convention(values, workdir, last_step, convention):
  """Adds up the cost of training from the densities that the run logged."""
  from tf_stugan.commands import common  # pylint: disable=g-import-not-at-top
  from tf_stugan.reports import ledger  # pylint: disable=g-import-not-at-top
  columns = {'training FLOPs': None, 'training FLOPs / dense': None, 'convention': convention.name}
  if densities := records_lib.logged_densities(workdir, last_step):
    trainer = common.make_experiment(values, workdir).make_trainer()
    operations, dense = ledger.spent(trainer, densities, last_step, convention)
    columns |= {'training FLOPs': operations, 'training FLOPs / dense': operations / dense}
  return columns
