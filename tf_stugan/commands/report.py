"""What `tf-stugan report` does."""

import glob
import logging
import os
import pathlib
import re
import sys

from absl import flags

from tf_stugan import errors
from tf_stugan import output_files
from tf_stugan.reports import figures
from tf_stugan.reports import ladder_figures
from tf_stugan.reports import ladders
from tf_stugan.reports import records as records_lib

_LOG = logging.getLogger(__name__)


def run(values: flags.FlagValues) -> None:
  folders = [p for pattern in map(os.path.expanduser, values.workdirs)
             for p in ([pattern] if os.path.isdir(pattern) else glob.glob(pattern))]
  runs = records_lib.name_runs(run for folder in folders for run in ladders.runs_of(folder))
  if not runs:
    raise errors.UserError(f'--workdirs={",".join(values.workdirs)}: no folder there holds a run.')
  convention = _find_convention(values.convention) if values.convention != 'measured' else None  # that one is what runs log
  groups = {}
  for name, workdir in runs.items():
    try:
      record = {**records_lib.record(workdir), 'run': name}
      if convention:
        record |= _cost_by_convention(values, workdir, record['step'], convention)
    except errors.UserError as error:
      _LOG.warning('Left out: %s', error)
      continue
    groups.setdefault(records_lib.protocol(workdir), []).append(record)
  if not groups:
    raise errors.UserError('None of these runs has an evaluation yet.')
  if len(groups) > 1:
    _LOG.warning('These runs were scored in %d ways (data, features, numbers of images ...) that cannot be compared. Each '
                 'has its own table and folder.', len(groups))
  for output, records in zip(_folders(values.output, groups.values()), groups.values(), strict=True):
    _write(values, pathlib.Path(output), records, {r['run']: runs[r['run']] for r in records})
  _write_ladders(values.output, ladders.read(folders))


def _write_ladders(output, climbs):
  """Writes tables and figures of those of the workdirs that are ladders, one of each for every way of scoring."""
  protocols = list(dict.fromkeys(climb.protocol for climb in climbs))
  for i, protocol in enumerate(protocols, 1):
    chosen = [climb for climb in climbs if climb.protocol == protocol]
    curves, score = ladders.curves(chosen), records_lib.title(chosen[0].score)
    stem = 'ladders' if len(protocols) == 1 else f'ladders_{i}'
    with output_files.new_files(pathlib.Path(output), 'tf-stugan report') as folder:
      (folder / f'{stem}.md').write_text(table := ladders.markdown(curves, score))
      (folder / f'{stem}.csv').write_text(ladders.comma_separated(curves))
      ladder_figures.plot_remaining(curves, score, folder / f'{stem}.png')
      ladder_figures.plot_costs(curves, score, folder / f'{stem}_cost.png')
      names = sorted(path.name for path in folder.iterdir())
    sys.stdout.write(f'\n{table}\n{output}/: {" ".join(names)}\n')


def _folders(output, groups):
  """One for each group: `output` itself, or folders in it that are numbered, and named after the data."""
  if len(groups) == 1:
    return [output]
  names = [re.sub(r'[^\w.]+', '-', records[0]['data']).strip('-') for records in groups]
  return [os.path.join(output, f'{i}-{name}') for i, name in enumerate(names, 1)]


def _write(values, output, records, runs):
  table = records_lib.markdown(records, every_column=values.columns == 'all')
  with output_files.new_files(output, 'tf-stugan report') as folder:
    (folder / 'report.md').write_text(table)
    (folder / 'report.csv').write_text(records_lib.comma_separated(records))
    (folder / 'curves.csv').write_text(records_lib.curves_as_csv(runs))
    _draw(folder, records, runs, values.layers)
    names = sorted(path.name for path in folder.iterdir())
  sys.stdout.write(f'{table}\n{output}/: {" ".join(names)}\n')


def _draw(folder, records, runs, layers):
  figures.plot_density(records, folder / 'density.png')
  scores = {records_lib.main_score(workdir) for workdir in runs.values()}
  for name in dict.fromkeys(name for workdir in runs.values() for name in records_lib.curves(workdir)):
    if name in scores or '/' in name or name.endswith('balance_ratio'):
      figures.plot_curves(runs, name, folder / f'{name.replace("/", "_")}.png', log_scale=name in scores)
  if layers:
    for name, workdir in runs.items():
      figures.plot_layers(name, workdir, folder / f'layers_{name.replace("/", "_")}.png')


def _find_convention(name):
  from tf_stugan.metrics import cost  # pylint: disable=g-import-not-at-top  (TensorFlow, which takes seconds)
  names = [convention.name for convention in cost.CONVENTIONS]
  if name not in names:
    raise errors.UserError(f'--convention={name}: take one of {", ".join(names)}.')
  return cost.CONVENTIONS[names.index(name)]


def _cost_by_convention(values, workdir, last_step, convention):
  """Columns of the cost of training, added up from the densities that the run logged."""
  from tf_stugan.commands import common  # pylint: disable=g-import-not-at-top
  from tf_stugan.reports import ledger  # pylint: disable=g-import-not-at-top
  columns = {'training FLOPs': None, 'training FLOPs / dense': None, 'convention': convention.name}
  if densities := records_lib.logged_densities(workdir, last_step):
    trainer = common.make_experiment(values, workdir).make_trainer()
    operations, dense = ledger.spent(trainer, densities, last_step, convention)
    columns |= {'training FLOPs': operations, 'training FLOPs / dense': operations / dense}
  return columns
