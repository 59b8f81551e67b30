"""What `tf-stugan report` does."""

import glob
import logging
import os
import pathlib
import sys

from absl import flags

from tf_stugan import errors
from tf_stugan import outputs
from tf_stugan.procedures import comparison
from tf_stugan.training.workdir import Workdir

_LOG = logging.getLogger(__name__)


def run(values: flags.FlagValues) -> None:
  paths = sorted(p for pattern in values.workdirs for p in glob.glob(os.path.expanduser(pattern)))
  workdirs = [w for w in (Workdir(p) for p in paths if os.path.isdir(p)) if w.metrics.exists()]
  if not workdirs:
    raise errors.UserError(f'--workdirs={",".join(values.workdirs)}: no folder there holds a run.')
  records = []
  for workdir in list(workdirs):
    try:
      records.append(comparison.record(workdir))
    except errors.UserError as error:
      _LOG.warning('Left out: %s', error)
      workdirs.remove(workdir)
  if not records:
    raise errors.UserError('None of these runs has an evaluation yet.')
  output = pathlib.Path(values.output)
  table = comparison.markdown(records, every_column=values.columns == 'all')
  with outputs.new_files(output, 'tf-stugan report') as folder:
    _write(folder, table, records, workdirs, values.layers)
    names = sorted(path.name for path in folder.iterdir())
  sys.stdout.write(table)
  sys.stdout.write(f'\n{output}/: {" ".join(names)}\n')


def _write(output, table, records, workdirs, layers):
  (output / 'report.md').write_text(table)
  (output / 'report.csv').write_text(comparison.comma_separated(records))
  (output / 'curves.csv').write_text(comparison.curves_as_csv(workdirs))
  comparison.plot_density(records, output / 'density.png')
  score = 'fid' if 'FID' in records[0] else 'fcd'
  comparison.plot_curves(workdirs, score, output / f'{score}.png', log_scale=True)
  for name in ('generator/exploration_rate', 'balance_ratio', 'discriminator/density'):
    comparison.plot_curves(workdirs, name, output / f'{name.replace("generator/", "").replace("/", "_")}.png')
  if layers:
    for workdir in workdirs:
      comparison.plot_layers(workdir, output / f'layers_{workdir.path.name}.png')
