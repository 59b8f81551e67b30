"""Train an experiment. On a workdir that holds a run, go on with it from its newest checkpoint.

Examples:
  tf-stugan train --workdir=runs/a --gin_file=quickstart.gin
  tf-stugan train --workdir=runs/b --gin_file=sngan_cifar10_stugan.gin --data_dir=~/tensorflow_datasets \\
      --gin_param='GENERATOR_DENSITY = 0.05' --gin_param='DISCRIMINATOR_DENSITY = 0.5'
  tf-stugan train --workdir=runs/a                      # goes on, with the configuration that lies there

--strategy says where it computes: one_device; mirrored, all GPUs of this machine; multi_worker, the machines that TF_CONFIG
names, each of which runs this command on the same --workdir (tools/launch_local_workers.py does it on one machine); tpu.
The batch is shared out, so the result is that of one device, up to rounding.

Exit codes: 0 done, 2 usage or configuration, 3 data, 4 diverged, 5 no usable checkpoint, 6 disk full, 7 another worker is
gone or never came, 8 not enough memory, 42 stopped on request (Ctrl-C, SIGTERM, SIGHUP) and resumable.
"""

import json
import logging
import pathlib
import signal
import sys

from absl import flags

from tf_stugan import configuration
from tf_stugan import errors
from tf_stugan import signals
from tf_stugan.commands import common
from tf_stugan.training import agreement
from tf_stugan.training import checkpoints
from tf_stugan.training import strategies
from tf_stugan.training.profiling import Profile
from tf_stugan.training.workdir import Workdir

_LOG = logging.getLogger(__name__)


def define_flags(values: flags.FlagValues) -> None:
  common.define_workdir_flag(values)
  common.define_machine_flags(values)
  common.define_gin_flags(values)
  flags.DEFINE_string('strategy', 'one_device', f'One of {", ".join(strategies.NAMES)}.', flag_values=values)
  flags.DEFINE_float(
      'worker_timeout', 300, 'Seconds that --strategy=multi_worker waits for the other workers at the start.',
      lower_bound=1, flag_values=values)
  flags.DEFINE_bool(
      'dry_run', False, 'Read the configuration and the data, build everything, print the configuration, train nothing.',
      flag_values=values)
  flags.DEFINE_bool(
      'profile', False, 'Write a trace of a few training steps into <workdir>/profile, for the profiler of TensorBoard.',
      flag_values=values)
  flags.DEFINE_bool(
      'allow_config_change', False, 'Go on with a run although its configuration or its data have changed.',
      flag_values=values)


def run(values: flags.FlagValues) -> None:
  strategy = strategies.make(values.strategy, values.worker_timeout)  # first of all: that of several workers has to be
  if values.gin_file:
    common.load_gin_files(values)
  elif not pathlib.Path(values.workdir, 'config.gin').exists():
    raise errors.UserError(f'{values.workdir} holds no run yet: name an experiment, for example --gin_file=quickstart.gin')
  else:
    configuration.load([pathlib.Path(values.workdir, 'config.gin')], values.gin_param)
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
  with workdir.lock():
    if workdir.config.exists() and checkpoints.list_steps(workdir.checkpoints):
      _check_unchanged(workdir, values.allow_config_change)
    agreement.wait(experiment.trainer.strategy)
    prepared = experiment.prepare(workdir, values.data_dir, pathlib.Path(values.cache_dir))
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
  _LOG.info('Done: %s', workdir.path)


def _follow(experiment, values):
  """Takes part in the training that the chief leads, and writes nothing."""
  with signals.handled(signal.SIG_DFL):  # Python would see them when TensorFlow comes back
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
  changes = configuration.differences(workdir.config.read_text(), configuration.snapshot())
  if changes and not allowed:
    raise errors.UserError(
        f'{workdir.path} was begun with another configuration ({"; ".join(changes)}). Take another --workdir, or go on '
        'all the same with --allow_config_change.')
