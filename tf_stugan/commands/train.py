"""What `tf-stugan train` does."""

import contextlib
import functools
import json
import logging
import numbers
import os
import pathlib
import shlex
import signal
import sys
import tempfile

from absl import flags

from tf_stugan import compat
from tf_stugan import configuration
from tf_stugan import errors
from tf_stugan import gin_changes
from tf_stugan import gin_files
from tf_stugan import output_files
from tf_stugan import signals
from tf_stugan.commands import common
from tf_stugan.procedures.banner import banner
from tf_stugan.training import agreement
from tf_stugan.training import checkpoint_files
from tf_stugan.training import checkpoints
from tf_stugan.training import overview
from tf_stugan.training import strategies
from tf_stugan.training import tickets
from tf_stugan.training import workdir_lock
from tf_stugan.training.profiling import Profile
from tf_stugan.training.workdir import Workdir
from tf_stugan.usage.common import parse_numbers
from tf_stugan.usage.common import quote_item

_LOG = logging.getLogger(__name__)


def run(values: flags.FlagValues) -> None:
  strategy = strategies.make(values.strategy, values.worker_timeout)  # first of all: that of several workers has to be
  if values.ticket:
    _add_ticket(values)
  if values.gin_file:
    common.load_gin_files(values)
  else:
    Workdir(values.workdir).check_format()
    configuration.load([pathlib.Path(values.workdir, 'config.gin')], values.gin_param, values.gin_module)
  with agreement.tell_of_lost_workers(strategy):
    _run(strategy, values)


def _add_ticket(values):
  """Puts procedures/ticket.gin on top, with what the file says of itself."""
  path = pathlib.Path(values.ticket).absolute()
  ticket = tickets.read(path)
  values.gin_file = [*values.gin_file, 'procedures/ticket.gin']
  values.gin_param = [*values.gin_param, f'TICKET = {str(path)!r}', f'TICKET_DENSITIES = {dict(ticket.densities)!r}']
  if any(array.ndim == 2 for name, array in ticket.arrays.items() if name.startswith('masks/')):
    values.gin_param = [*values.gin_param, 'TICKET_LAYERS = @layer_choice.conv_and_dense']


def _run(strategy, values):
  with strategy.scope():
    experiment = configuration.make_experiment()
  if experiment.stage:
    raise errors.UserError(f'{values.workdir} is the stage {experiment.stage} of a run; go on with the run, in '
                           f'--workdir={pathlib.Path(values.workdir).absolute().parent}')
  agreement.check_same(strategy, 'configurations', configuration.snapshot())
  if values.dry_run:
    _rehearse(experiment, strategy, values)
  elif strategies.is_chief(strategy):
    _lead(experiment, strategy, values)
  else:
    _follow(experiment, strategy, values)


def _prepare(experiment, strategy, stage, workdir, values):
  """Makes the run of a stage: what is missing, or does not go together, shows here."""
  with strategy.scope():
    trainer = configuration.make_trainer(stage, pathlib.Path(values.workdir))
  experiment.procedure.check(trainer, stage)
  return experiment.prepare(trainer, workdir, values.data_dir, pathlib.Path(values.cache_dir))


def _rehearse(experiment, strategy, values):
  """Does all that comes before the first step, and writes nothing but into the cache."""
  path = pathlib.Path(values.workdir)
  place = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
  if not (place.is_dir() and os.access(place, os.W_OK)):
    raise errors.UserError(f'--workdir={path}: {place} is no folder that may be written to.')
  with tempfile.TemporaryDirectory() as empty:
    workdir = Workdir(values.workdir if path.exists() else empty)
    workdir.check_format()
    if workdir.has_begun():
      _check_unchanged(workdir, values.allow_config_change)
    stages = _stages(experiment, workdir, values)
    prepared = _prepare(experiment, strategy, stages[0], workdir, values)
    if stages[0].begin and not workdir.has_begun():  # from what somebody trained elsewhere
      stages[0].begin(prepared, lambda *_: None, pathlib.Path(empty))
    for stage in stages:
      stage.refuse_to_go_further(workdir.path)
    if len(stages) > 1:
      prepared = _prepare(experiment, strategy, stages[-1], workdir, values)
    if workdir.newest_step():
      _check_data(workdir, prepared.data, values.allow_config_change)
      checkpoints.restore(prepared.trainer, workdir.checkpoints, set_aside=False)
  sys.stdout.write(configuration.snapshot() + '\n')
  _LOG.info('%s\nNothing stands in the way of this run.', banner(prepared, path, stages[-1].num_steps))


def _lead(experiment, strategy, values):
  """Trains, as the process that writes."""
  workdir = Workdir(values.workdir, create=True)
  with workdir_lock.hold(workdir.path, shared=bool(values.rounds)), workdir.discarded_if_refused():
    workdir.check_format()
    if workdir.has_begun():
      _check_unchanged(workdir, values.allow_config_change)
    agreement.wait(strategy)
    for stage, place in _open_stages(experiment, workdir, values):
      with workdir_lock.hold(place.path) if values.rounds else contextlib.nullcontext(), place.discarded_if_refused():
        outputs = _lead_stage(experiment, strategy, values, stage, place)
  _LOG.info('Done: %s. What next:\n%s', workdir.path,
            _next_commands(place.path, workdir.path, outputs, experiment.evaluator))


def _lead_stage(experiment, strategy, values, stage, workdir):
  """Returns the names of what the trained game makes."""
  run = Workdir(values.workdir)
  stage.refuse_to_go_further(run.path)
  prepared = _prepare(experiment, strategy, stage, workdir, values)
  if values.profile:
    prepared = prepared._replace(hooks=(Profile(workdir.path / 'profile'),))
  output_files.write_whole(workdir.data, _check_data(workdir, prepared.data, values.allow_config_change))
  _tell_if_finished(workdir, stage)
  run.write_config(configuration.snapshot())
  if stage.name:
    with configuration.overriding(stage.decided(run.path) if stage.decided else {}):
      workdir.write_config(configuration.snapshot(stage.name))
  # For who is killed; it is complete after the first step.
  output_files.write_whole(workdir.operative_config, configuration.operative())
  if not workdir.newest_step() or values.allow_config_change:
    prepared = prepared._replace(overview=functools.partial(
        overview.write, configuration=configuration.snapshot(), settings=_settings(), data=prepared.data))
  try:
    experiment.procedure.run(prepared, stage, run.path)
  finally:
    try:
      output_files.write_whole(workdir.operative_config, configuration.operative())
    except OSError as error:  # what ended the run is what has to be told
      _LOG.warning('%s could not be written: %s', workdir.operative_config, error)
  return list(prepared.trainer.gan.outputs)


def _settings():
  """Returns the macros of the configuration, by name: what experiments leave to be set."""
  names = (name for name in gin_files.bindings_of(configuration.snapshot()) if '.' not in name)
  return {name: configuration.macro_value(name) for name in names}


def _stages(experiment, workdir, values):
  """Lists those that this process is to train."""
  stages = experiment.stages()
  if not values.rounds:
    return stages
  return experiment.procedure.choose(stages, parse_numbers('rounds', values.rounds), workdir.path)


def _open_stages(experiment, workdir, values):
  """Yields (stage, its workdir) of those that are not at their end or lack its scores, and of the last one in any case."""
  stages = _stages(experiment, workdir, values)
  for stage in stages:
    place = workdir.stage(stage.name)
    if stage is stages[-1] or place.newest_step() < stage.num_steps or checkpoint_files.lacks_scores(place.checkpoints):
      if stage.name:
        _LOG.info('Stage %s, in %s', stage.name, place.path)
      compat.collect_graphs()  # of the trainer of the stage before, or its memory would not be free in time
      yield stage, place


def _tell_if_finished(workdir, stage):
  if workdir.newest_step() < stage.num_steps:
    return
  asked = configuration.macro_value('NUM_STEPS')
  further = (f' To go on: tf-stugan train --workdir={shlex.quote(str(workdir.path))} --allow_config_change '
             f"--gin_param='NUM_STEPS = {int(2 * asked)}'") if isinstance(asked, numbers.Real) and not stage.name else ''
  _LOG.info('This run is finished: it is at step %d of %d.%s', workdir.newest_step(), stage.num_steps, further)


def _next_commands(last, path, outputs, evaluator):
  """Writes them for the last stage and, where it is one of several, for all of them."""
  folder = shlex.quote(str(last))
  which = f' --which={outputs[0]}' if len(outputs) > 1 else ''
  report = f'\n  tf-stugan report --workdirs={shlex.quote(quote_item(str(path)))}' if evaluator else ''  # of scores
  return f'  tf-stugan sample --workdir={folder}{which}\n  tf-stugan export --workdir={folder}{which}{report}'


def _follow(experiment, strategy, values):
  """Takes part in the training that the chief leads, and writes nothing."""
  with signals.handled(signal.SIG_DFL):  # Python would see them when TensorFlow comes back
    agreement.wait(strategy)  # until the chief has the folder to itself
  workdir = Workdir(values.workdir)
  for stage, place in _open_stages(experiment, workdir, values):
    experiment.procedure.run(_prepare(experiment, strategy, stage, place, values), stage, workdir.path)


def _check_data(workdir, data, allowed):
  """Compares the data with those the run began with, which lie beside the checkpoints; returns what they are now."""
  now = {domain: {'name': images.name, 'images': len(images), 'fingerprint': images.fingerprint}
         for domain, images in data.items()}
  if workdir.data.exists() and workdir.newest_step() and not allowed:
    before = json.loads(workdir.data.read_text())
    if before != now:
      raise errors.UserError(
          f'{workdir.path} was begun with other data ({_described(before)}; now {_described(now)}). Take another --workdir, '
          'or go on all the same with --allow_config_change.')
  return json.dumps(now)


def _described(data):
  return ' and '.join(f'{d["name"]}, {d["images"]} images, fingerprint {d["fingerprint"]}' for d in data.values())


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
