"""What `tf-stugan train` does."""

import json
import logging
import os
import pathlib
import shlex
import sys
import tempfile

from absl import flags

from tf_stugan import configuration
from tf_stugan import errors
from tf_stugan.commands import common
from tf_stugan.procedures.banner import banner
from tf_stugan.training import agreement
from tf_stugan.training import checkpoints
from tf_stugan.training import strategies
from tf_stugan.training.profiling import Profile
from tf_stugan.training.workdir import Workdir

_LOG = logging.getLogger(__name__)


def run(values: flags.FlagValues) -> None:
  strategy = strategies.make(values.strategy)  # first of all: that of several workers has to be
  if values.gin_file:
    common.load_gin_files(values)
  else:
    configuration.load([pathlib.Path(values.workdir, 'config.gin')], values.gin_param)
  with agreement.tell_of_lost_workers(strategy):
    _run(strategy, values)


def _run(strategy, values):
  with strategy.scope():
    experiment = configuration.make_experiment()
  agreement.check_same(strategy, 'configurations', configuration.snapshot())
  if values.dry_run:
    _rehearse(experiment, values)
  elif strategies.is_chief(strategy):
    _lead(experiment, values)
  else:
    _follow(experiment, values)


def _rehearse(experiment, values):
  """Does all that comes before the first step, and writes nothing but into the cache."""
  path = pathlib.Path(values.workdir)
  place = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
  if not (place.is_dir() and os.access(place, os.W_OK)):
    raise errors.UserError(f'--workdir={path}: {place} is no folder that may be written to.')
  with tempfile.TemporaryDirectory() as empty:
    workdir = Workdir(values.workdir if path.exists() else empty)
    begun = workdir.config.exists() and checkpoints.list_steps(workdir.checkpoints)
    if begun:
      _check_unchanged(workdir, values.allow_config_change)
    prepared = experiment.prepare(workdir, values.data_dir, pathlib.Path(values.cache_dir))
    if begun:
      _check_data(workdir, prepared.data, values.allow_config_change)
      checkpoints.restore(prepared.trainer, workdir.checkpoints, set_aside=False)
  sys.stdout.write(configuration.snapshot() + '\n')
  _LOG.info('%s\nNothing stands in the way of this run.', banner(prepared, experiment.procedure.num_steps))


def _lead(experiment, values):
  """Trains; this is the process that writes."""
  workdir = Workdir(values.workdir, create=True)
  with workdir.lock():
    if workdir.config.exists() and checkpoints.list_steps(workdir.checkpoints):
      _check_unchanged(workdir, values.allow_config_change)
    agreement.wait(experiment.trainer.strategy)
    prepared = experiment.prepare(workdir, values.data_dir, pathlib.Path(values.cache_dir))
    if values.profile:
      prepared = prepared._replace(hooks=(Profile(workdir.path / 'profile'),))
    workdir.write(workdir.data, _check_data(workdir, prepared.data, values.allow_config_change))
    workdir.write(workdir.config, configuration.snapshot())
    workdir.write(workdir.operative_config, configuration.operative())  # for who is killed; complete after the first step
    try:
      experiment.procedure.run(prepared)
    finally:
      try:
        workdir.write(workdir.operative_config, configuration.operative())
      except OSError as error:  # what ended the run is what has to be told
        _LOG.warning('%s could not be written: %s', workdir.operative_config, error)
  _LOG.info('Done: %s. What next:\n%s', workdir.path, _next_commands(workdir.path))


def _next_commands(path):
  folder = shlex.quote(str(path))
  return (f'  tf-stugan sample --workdir={folder}\n  tf-stugan export --workdir={folder}\n'
          f'  tf-stugan report --workdirs={folder}')


def _follow(experiment, values):
  """Takes part in the training that the chief leads, and writes nothing."""
  agreement.wait(experiment.trainer.strategy)  # until the chief has the folder to itself
  experiment.procedure.run(experiment.prepare(Workdir(values.workdir), values.data_dir, pathlib.Path(values.cache_dir)))


def _check_data(workdir, data, allowed):
  """A run is a function of its data, too. What they were lies beside the checkpoints; returns what they are now."""
  now = {'name': data.name, 'images': len(data), 'fingerprint': data.fingerprint}
  if workdir.data.exists() and checkpoints.list_steps(workdir.checkpoints) and not allowed:
    before = json.loads(workdir.data.read_text())
    if before != now:
      raise errors.UserError(
          f'{workdir.path} was begun with other data ({before["name"]}, {before["images"]} images, fingerprint '
          f'{before["fingerprint"]}; now {now["name"]}, {now["images"]}, {now["fingerprint"]}). Take another --workdir, or '
          'go on all the same with --allow_config_change.')
  return json.dumps(now)


def _check_unchanged(workdir, allowed):
  changes = configuration.differences(workdir.config.read_text(), configuration.snapshot())
  if changes and not allowed:
    raise errors.UserError(
        f'{workdir.path} was begun with another configuration ({"; ".join(changes)}). Take another --workdir, or go on '
        'all the same with --allow_config_change.')
