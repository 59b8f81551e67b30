"""What `tf-stugan train` does."""

import json
import logging
import numbers
import pathlib
import shlex
import sys

from absl import flags

from tf_stugan import configuration
from tf_stugan import errors
from tf_stugan import gin_changes
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
    configuration.load([pathlib.Path(values.workdir, 'config.gin')], values.gin_param, common.import_modules(values))
  with agreement.tell_of_lost_workers(strategy):
    _run(strategy, values)


def _run(strategy, values):
  with strategy.scope():
    experiment = configuration.make_experiment()
  if values.dry_run:
    experiment.trainer.build(experiment.data.load(values.data_dir).image_shape)
    sys.stdout.write(configuration.snapshot() + '\n')
    return
  agreement.check_same(strategy, 'configurations', configuration.snapshot())
  if strategies.is_chief(strategy):
    _lead(experiment, values)
  else:
    _follow(experiment, values)


def _lead(experiment, values):
  """Trains; this is the process that writes."""
  workdir = Workdir(values.workdir, create=True)
  with workdir.lock(), workdir.discarded_if_refused():
    if workdir.config.exists() and checkpoints.list_steps(workdir.checkpoints):
      _check_unchanged(workdir, values.allow_config_change)
    agreement.wait(experiment.trainer.strategy)
    prepared = experiment.prepare(workdir, values.data_dir, pathlib.Path(values.cache_dir))
    if values.profile:
      prepared = prepared._replace(hooks=(Profile(workdir.path / 'profile'),))
    _check_data(workdir, prepared.data, values.allow_config_change)
    _tell_if_finished(workdir, experiment.procedure)
    workdir.write(workdir.config, configuration.snapshot())
    workdir.write(workdir.operative_config, configuration.operative())  # for who is killed; complete after the first step
    try:
      experiment.procedure.run(prepared)
    finally:
      try:
        workdir.write(workdir.operative_config, configuration.operative())
      except OSError as error:  # what ended the run is what has to be told
        _LOG.warning('%s could not be written: %s', workdir.operative_config, error)
  _LOG.info('Done: %s', workdir.path)


def _tell_if_finished(workdir, procedure):
  steps = [checkpoints.step_of(path) for path in checkpoints.list_steps(workdir.checkpoints)]
  if not steps or max(steps) < procedure.num_steps:
    return
  asked = configuration.macro_value('NUM_STEPS')
  further = (f' To go on: tf-stugan train --workdir={shlex.quote(str(workdir.path))} --allow_config_change '
             f"--gin_param='NUM_STEPS = {int(2 * asked)}'") if isinstance(asked, numbers.Real) else ''
  _LOG.info('This run is finished: it is at step %d of %d.%s', max(steps), procedure.num_steps, further)


def _follow(experiment, values):
  """Takes part in the training that the chief leads, and writes nothing."""
  agreement.wait(experiment.trainer.strategy)  # until the chief has the folder to itself
  experiment.procedure.run(experiment.prepare(Workdir(values.workdir), values.data_dir, pathlib.Path(values.cache_dir)))


def _check_data(workdir, data, allowed):
  """A run is a function of its data, too. What they were lies beside the checkpoints."""
  now = {'name': data.name, 'images': len(data), 'fingerprint': data.fingerprint}
  if workdir.data.exists() and checkpoints.list_steps(workdir.checkpoints) and not allowed:
    before = json.loads(workdir.data.read_text())
    if before != now:
      raise errors.UserError(
          f'{workdir.path} was begun with other data ({before["name"]}, {before["images"]} images, fingerprint '
          f'{before["fingerprint"]}; now {now["name"]}, {now["images"]}, {now["fingerprint"]}). Take another --workdir, or '
          'go on all the same with --allow_config_change.')
  workdir.write(workdir.data, json.dumps(now))


def _check_unchanged(workdir, allowed):
  before, now = workdir.config.read_text(encoding='utf-8', errors='replace'), configuration.snapshot()
  changes = configuration.differences(before, now)
  if changes and not allowed:
    raise errors.UserError(
        f'{workdir.path} was begun with another configuration ({"; ".join(changes)}). Take another --workdir, or go on '
        'all the same with --allow_config_change.')
  if idle := gin_changes.without_effect(before, now):
    raise errors.UserError(
        f'{workdir.path} has begun, and its checkpoint holds what these made of it; to change them now would do nothing, or '
        f'not what they say: {", ".join(idle)}. Take another --workdir.')
