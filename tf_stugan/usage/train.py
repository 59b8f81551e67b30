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

import pathlib

from absl import flags

from tf_stugan import errors
from tf_stugan.training.workdir import Workdir
from tf_stugan.usage import common


def define_flags(values: flags.FlagValues) -> None:
  common.define_workdir_flag(values)
  common.define_machine_flags(values)
  common.define_gin_flags(values)
  common.define_path('ticket', None, 'A file of `tf-stugan ticket`: begin with its masks and weights.', values)
  flags.DEFINE_string(
      'rounds', None, 'Of a ladder whose rounds do not need one another: those to train here, 0-3 or 5,7; 0 is the dense '
      'run. Other processes may train others in the same workdir at the same time.', flag_values=values)
  flags.DEFINE_enum(
      'strategy', 'one_device', ['one_device', 'mirrored', 'multi_worker', 'tpu'], 'Where it computes, see above.',
      flag_values=values)
  flags.DEFINE_float(
      'worker_timeout', 300, 'Seconds that --strategy=multi_worker waits for the other workers at the start.',
      lower_bound=1, flag_values=values)
  flags.DEFINE_bool(
      'dry_run', False,
      'Do all that comes before the first step, say what is in the way, print the configuration; train nothing.',
      flag_values=values)
  flags.DEFINE_bool(
      'profile', False, 'Write a trace of a few training steps into <workdir>/profile, for the profiler of TensorBoard.',
      flag_values=values)
  flags.DEFINE_bool(
      'allow_config_change', False, 'Go on with a run although its data have changed, or bindings that can still take '
      'effect; the others are refused by name.', flag_values=values)


def check(values: flags.FlagValues) -> None:
  common.check_gin_flags(values)
  config = pathlib.Path(values.workdir, 'config.gin')
  if values.rounds:
    common.parse_numbers('rounds', values.rounds)
  if not values.gin_file and not config.exists():
    raise errors.UserError(f'{values.workdir} holds no run yet: name an experiment, for example --gin_file=quickstart.gin')
  if values.ticket and not values.gin_file:
    raise errors.UserError('--ticket is for the beginning of a run: name the experiment by --gin_file, too.')
  if not values.gin_file:
    Workdir(values.workdir).check_format()
    common.check_configuration([config], values.gin_param, values)
