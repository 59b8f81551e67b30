"""What `tf-stugan report` does."""

import glob
import logging
import os
import pathlib
import sys

from absl import flags

from tf_stugan import errors
from tf_stugan.metrics.names import DISTANCES
from tf_stugan.procedures import comparison
from tf_stugan.training.workdir import Workdir

_LOG = logging.getLogger(__name__)


def run(values: flags.FlagValues) -> None:
  paths = sorted(p for pattern in values.workdirs for p in glob.glob(os.path.expanduser(pattern)))
  workdirs = [w for w in (Workdir(p) for p in paths if os.path.isdir(p)) if w.metrics.exists()]
  if not workdirs:
    raise errors.UserError(f'--workdirs={",".join(values.workdirs)}: no folder there holds a run.')
  convention = _find_convention(values.convention) if values.convention != 'measured' else None  # that one is what runs log
  records = []
  for workdir in list(workdirs):
    try:
      record = comparison.record(workdir)
      if convention:
        record |= _cost_by_convention(values, workdir, record['step'], convention)
      records.append(record)
    except errors.UserError as error:
      _LOG.warning('Left out: %s', error)
      workdirs.remove(workdir)
  if not records:
    raise errors.UserError('None of these runs has an evaluation yet.')
  output = pathlib.Path(values.output)
  table = comparison.markdown(records, every_column=values.columns == 'all')
  try:
    output.mkdir(parents=True, exist_ok=True)
    (output / 'report.md').write_text(table)
    (output / 'report.csv').write_text(comparison.comma_separated(records))
    (output / 'curves.csv').write_text(comparison.curves_as_csv(workdirs))
  except OSError as error:
    raise errors.UserError(f'--output={output} cannot be written: {error.strerror}') from error
  comparison.plot_density(records, output / 'density.png')
  score = next((name for name in DISTANCES if name.upper() in records[0]), DISTANCES[0])
  comparison.plot_curves(workdirs, score, output / f'{score}.png', log_scale=True)
  for name in ('generator/exploration_rate', 'balance_ratio', 'discriminator/density'):
    comparison.plot_curves(workdirs, name, output / f'{name.replace("generator/", "").replace("/", "_")}.png')
  if values.layers:
    for workdir in workdirs:
      comparison.plot_layers(workdir, output / f'layers_{workdir.path.name}.png')
  sys.stdout.write(table)
  sys.stdout.write(f'\n{output}/: {" ".join(sorted(p.name for p in output.iterdir()))}\n')


def _find_convention(name):
  from tf_stugan.metrics import cost  # pylint: disable=g-import-not-at-top  (TensorFlow, which takes seconds)
  names = [convention.name for convention in cost.CONVENTIONS]
  if name not in names:
    raise errors.UserError(f'--convention={name}: take one of {", ".join(names)}.')
  return cost.CONVENTIONS[names.index(name)]


def _cost_by_convention(values, workdir, last_step, convention):
  """Columns of the cost of training, added up from the densities that the run logged."""
  from tf_stugan.commands import common  # pylint: disable=g-import-not-at-top
  from tf_stugan.procedures import ledger  # pylint: disable=g-import-not-at-top
  columns = {'training FLOPs': None, 'training FLOPs / dense': None, 'convention': convention.name}
  if densities := comparison.logged_densities(workdir, last_step):
    trainer = common.make_experiment(values, workdir).make_trainer()
    operations, dense = ledger.spent(trainer, densities, last_step, convention)
    columns |= {'training FLOPs': operations, 'training FLOPs / dense': operations / dense}
  return columns
