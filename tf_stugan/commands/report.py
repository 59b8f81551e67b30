"""What `tf-stugan report` does."""

import glob
import logging
import os
import pathlib
import re
import sys

from absl import flags

from tf_stugan import errors
from tf_stugan.procedures import comparison

_LOG = logging.getLogger(__name__)


def run(values: flags.FlagValues) -> None:
  folders = [p for pattern in values.workdirs for p in glob.glob(os.path.expanduser(pattern))]
  runs = comparison.name_runs(folders)
  if not runs:
    raise errors.UserError(f'--workdirs={",".join(values.workdirs)}: no folder there holds a run.')
  groups = {}
  for name, workdir in runs.items():
    try:
      record = {**comparison.record(workdir), 'run': name}
    except errors.UserError as error:
      _LOG.warning('Left out: %s', error)
      continue
    groups.setdefault(comparison.protocol(workdir), []).append(record)
  if not groups:
    raise errors.UserError('None of these runs has an evaluation yet.')
  if len(groups) > 1:
    _LOG.warning('These runs were scored in %d ways (data, features, numbers of images ...) that cannot be compared. Each '
                 'has its own table and folder.', len(groups))
  for output, records in zip(_folders(values.output, groups.values()), groups.values(), strict=True):
    _write(values, pathlib.Path(output), records, {r['run']: runs[r['run']] for r in records})


def _folders(output, groups):
  """One for each group: `output` itself, or folders in it that are numbered, and named after the data."""
  if len(groups) == 1:
    return [output]
  names = [re.sub(r'[^\w.]+', '-', records[0]['data']).strip('-') for records in groups]
  return [os.path.join(output, f'{i}-{name}') for i, name in enumerate(names, 1)]


def _write(values, output, records, runs):
  table = comparison.markdown(records, every_column=values.columns == 'all')
  try:
    output.mkdir(parents=True, exist_ok=True)
    (output / 'report.md').write_text(table)
    (output / 'report.csv').write_text(comparison.comma_separated(records))
    (output / 'curves.csv').write_text(comparison.curves_as_csv(runs))
  except OSError as error:
    raise errors.UserError(f'--output={output} cannot be written: {error.strerror}') from error
  comparison.plot_density(records, output / 'density.png')
  score = 'fid' if 'FID' in records[0] else 'fcd'
  comparison.plot_curves(runs, score, output / f'{score}.png', log_scale=True)
  for name in ('generator/exploration_rate', 'balance_ratio', 'discriminator/density'):
    comparison.plot_curves(runs, name, output / f'{name.replace("generator/", "").replace("/", "_")}.png')
  if values.layers:
    for name, workdir in runs.items():
      comparison.plot_layers(name, workdir, output / f'layers_{name.replace("/", "_")}.png')
  sys.stdout.write(table)
  sys.stdout.write(f'\n{output}/: {" ".join(sorted(p.name for p in output.iterdir()))}\n')
