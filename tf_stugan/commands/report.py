"""Compare runs: a table (Markdown and CSV) with scores and the true cost of training, the score against density, and scores,
balance and exploration over time (figures, and curves.csv).

Examples:
  tf-stugan report --workdirs=runs/a,runs/b
  tf-stugan report --workdirs='runs/*' --output=comparison
  tf-stugan report --workdirs=runs/a --layers
  tf-stugan report --workdirs='runs/*' --columns=all
"""

import glob
import logging
import os
import pathlib
import sys

from absl import flags

from tf_stugan import errors
from tf_stugan.procedures import comparison
from tf_stugan.training.workdir import Workdir

_LOG = logging.getLogger(__name__)


def define_flags(values: flags.FlagValues) -> None:
  flags.DEFINE_list('workdirs', [], 'Folders of runs, or patterns, separated by commas.', flag_values=values)
  flags.DEFINE_string('output', 'report', 'Folder for the table and the figures.', flag_values=values)
  flags.DEFINE_enum(
      'columns', 'main', ['main', 'all'],
      'Of the table: scores, densities, cost and time, or everything. report.csv always has everything.', flag_values=values)
  flags.DEFINE_bool(
      'layers', False, 'Also draw density and exploration rate of every layer, one figure a run.', flag_values=values)


def run(values: flags.FlagValues) -> None:
  paths = sorted(p for pattern in map(os.path.expanduser, values.workdirs)
                 for p in ([pattern] if os.path.isdir(pattern) else glob.glob(pattern)))
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
  try:
    output.mkdir(parents=True, exist_ok=True)
    (output / 'report.md').write_text(table)
    (output / 'report.csv').write_text(comparison.comma_separated(records))
    (output / 'curves.csv').write_text(comparison.curves_as_csv(workdirs))
  except OSError as error:
    raise errors.UserError(f'--output={output} cannot be written: {error.strerror}') from error
  comparison.plot_density(records, output / 'density.png')
  score = 'fid' if 'FID' in records[0] else 'fcd'
  comparison.plot_curves(workdirs, score, output / f'{score}.png', log_scale=True)
  for name in ('generator/exploration_rate', 'balance_ratio', 'discriminator/density'):
    comparison.plot_curves(workdirs, name, output / f'{name.replace("generator/", "").replace("/", "_")}.png')
  if values.layers:
    for workdir in workdirs:
      comparison.plot_layers(workdir, output / f'layers_{workdir.path.name}.png')
  sys.stdout.write(table)
  sys.stdout.write(f'\n{output}/: {" ".join(sorted(p.name for p in output.iterdir()))}\n')
