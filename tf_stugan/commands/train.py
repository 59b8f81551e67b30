"""What `tf-stugan train` does."""

import json
import logging
import pathlib
import shlex
import sys

from absl import flags

from tf_stugan import configuration
from tf_stugan import errors
from tf_stugan.commands import common
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
    trainer = configuration.made(experiment.make_trainer)
  if values.dry_run:
    experiment.build(trainer, values.data_dir)
    sys.stdout.write(configuration.snapshot() + '\n')
    return
  agreement.check_same(strategy, 'configurations', configuration.snapshot())
  if strategies.is_chief(strategy):
    _lead(experiment, trainer, values)
  else:
    _follow(experiment, trainer, values)


def _lead(experiment, trainer, values):
  """Trains; this is the process that writes."""
  workdir = Workdir(values.workdir, create=True)
  with workdir.lock():
    if workdir.config.exists() and checkpoints.list_steps(workdir.checkpoints):
      _check_unchanged(workdir, values.allow_config_change)
    agreement.wait(trainer.strategy)
    prepared = experiment.prepare(trainer, workdir, values.data_dir, pathlib.Path(values.cache_dir))
    if values.profile:
      prepared = prepared._replace(hooks=(Profile(workdir.path / 'profile'),))
    _check_data(workdir, prepared.data, values.allow_config_change)
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


def _follow(experiment, trainer, values):
  """Takes part in the training that the chief leads, and writes nothing."""
  agreement.wait(trainer.strategy)  # until the chief has the folder to itself
  workdir = Workdir(values.workdir)
  experiment.procedure.run(experiment.prepare(trainer, workdir, values.data_dir, pathlib.Path(values.cache_dir)))


def _check_data(workdir, data, allowed):
  """A run is a function of its data, too. What they were lies beside the checkpoints."""
  now = {domain: {'name': images.name, 'images': len(images), 'fingerprint': images.fingerprint}
         for domain, images in data.items()}
  if workdir.data.exists() and checkpoints.list_steps(workdir.checkpoints) and not allowed:
    before = json.loads(workdir.data.read_text())
    if before != now:
      raise errors.UserError(
          f'{workdir.path} was begun with other data ({_described(before)}; now {_described(now)}). Take another --workdir, '
          'or go on all the same with --allow_config_change.')
  workdir.write(workdir.data, json.dumps(now))


def _described(data):
  return ' and '.join(f'{d["name"]}, {d["images"]} images, fingerprint {d["fingerprint"]}' for d in data.values())


def _check_unchanged(workdir, allowed):
  changes = configuration.differences(workdir.config.read_text(), configuration.snapshot())
  if changes and not allowed:
    raise errors.UserError(
        f'{workdir.path} was begun with another configuration ({"; ".join(changes)}). Take another --workdir, or go on '
        'all the same with --allow_config_change.')
