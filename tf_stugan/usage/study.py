"""Train a grid of runs, each in a process of its own, and report on them together. The same command goes on with the rest.

A study is a gin file (gin_configs/studies has examples, and tf_stugan/studies/study.py says what one may set), or an
experiment with axes. Every combination is checked before the first run begins, and the plan is printed with its cost. A run
that fails does not stop the others; why it did is told in the end, and the same command tries it again.

Settings of an axis are bindings (GENERATOR_DENSITY, DynamicSparse.across_layers ...), or files: experiment, method and model
are put in the place of the experiment's own; dataset, metrics, ablation and gin_file on top of it.

Examples:
  tf-stugan study --workdir=studies/a --gin_file=studies/methods_small.gin --data_dir=~/tensorflow_datasets
  tf-stugan study --workdir=studies/b --gin_file=quickstart.gin --axis='method=static,stugan' \\
      --axis='GENERATOR_DENSITY=0.05,0.1' --seeds=1-3
  tf-stugan study --workdir=studies/b ... --rows='static_*'      # these rows first; without --rows the rest
  tf-stugan study --workdir=studies/b ... --dry_run --tera=0.055 # the plan alone, with hours
  tf-stugan study --workdir=studies/b ... --print_commands       # for a scheduler of your own
  tf-stugan study --workdir=/shared/b ... --engine=ray    # on the cluster of RAY_ADDRESS, whose nodes share the workdir
  tf-stugan study --workdir=/shared/b ... --engine=slurm --slurm=slurm_partition=gpu,gpus_per_node=1,timeout_min=600

In the workdir: runs/NAME, logs/NAME.log, report/report.html. Exit codes: 0 all runs are done or diverged, 42 stopped on
request (runs have saved), that of the first failed run if some failed, or that of what is wrong with the study.
"""

import pathlib

from absl import flags

from tf_stugan import errors
from tf_stugan.studies import study
from tf_stugan.usage import common


def define_flags(values: flags.FlagValues) -> None:
  common.define_path(
      'workdir', None, 'The folder of the study; for --engine=ray or slurm one that all machines share.', values,
      required=True)
  common.define_machine_flags(values)
  common.define_gin_flags(values)
  flags.DEFINE_multi_string(
      'axis', [], "A setting and its choices: 'GENERATOR_DENSITY=0.05,0.1'. May be repeated; every combination is a row.",
      flag_values=values)
  flags.DEFINE_string('seeds', None, "Of every row: 1-3 or 1,5; those of the study, or 1, if not given.", flag_values=values)
  flags.DEFINE_list(
      'rows', [], "The rows to train now, by name or pattern, separated by commas: 'stugan_0.1,static_*'. The others stay "
      'part of the study, for later.', flag_values=values)
  flags.DEFINE_enum('engine', 'local', ['local', 'ray', 'slurm'], 'Where runs are computed, see above.', flag_values=values)
  flags.DEFINE_integer(
      'jobs', None, 'Runs at a time. On this machine one for each GPU if not given, or for each core where there is none.',
      lower_bound=1, flag_values=values)
  flags.DEFINE_integer(
      'threads', None, 'CPU threads of each run. If not given, those that the study began with: cores / jobs on this '
      'machine, else 1.', lower_bound=1, flag_values=values)
  flags.DEFINE_list(
      'slurm', [], 'Options of submitit for --engine=slurm: slurm_partition=gpu,gpus_per_node=1.', flag_values=values)
  flags.DEFINE_float(
      'tera', None, 'Operations a second that one run keeps up, in 10^12, two of them a multiply-add: the plan tells hours.',
      lower_bound=1e-6, flag_values=values)
  flags.DEFINE_bool('dry_run', False, 'Check everything and print the plan; start nothing.', flag_values=values)
  flags.DEFINE_bool('print_commands', False, 'Print the command of each run that is missing; start nothing.',
                    flag_values=values)


def check(values: flags.FlagValues) -> None:
  if not values.gin_file:
    raise errors.UserError('Name a study or an experiment, for example --gin_file=quickstart.gin')
  common.check_gin_files(values)
  if values.seeds:
    common.parse_numbers('seeds', values.seeds)
  names = [study.parse_axis(axis)[0] for axis in values.axis]
  if again := [name for name in names if names.count(name) > 1]:
    raise errors.UserError(f'--axis: {again[0]} is there twice.')
  if values.slurm and values.engine != 'slurm':
    raise errors.UserError('--slurm is for --engine=slurm.')
  if wrong := [option for option in values.slurm if not option.partition('=')[2]]:
    raise errors.UserError(f'--slurm={wrong[0]}: give NAME=value.')
  if pathlib.Path(values.workdir, 'config.gin').exists():
    raise errors.UserError(f'--workdir={values.workdir} is the folder of a run; a study needs one of its own.')
