"""What `tf-stugan ticket` does."""

import functools
import math
import pathlib
import sys

from absl import flags

from tf_stugan import configuration
from tf_stugan import errors
from tf_stugan import output_files
from tf_stugan.commands import common
from tf_stugan.procedures import from_ticket
from tf_stugan.procedures.ladder import Ladder
from tf_stugan.training import checkpoint_files
from tf_stugan.training import costs
from tf_stugan.training import starting_weights
from tf_stugan.training import tickets
from tf_stugan.training.rounds import index_of
from tf_stugan.training.workdir import Workdir
from tf_stugan.usage import ticket as usage


def run(values: flags.FlagValues) -> None:
  workdir = Workdir(str(usage.run_of_round(values)))
  experiment = common.make_experiment(values, workdir)
  is_round, stage = isinstance(experiment.procedure, Ladder), experiment.find_stage()
  if not is_round and stage.begin:
    raise errors.UserError(f'{workdir.path} did not begin with random weights, but with what another run, or a ticket, left '
                           'it: a ticket is made of a round, or of a run that is sparse from the first step.')
  trainer = configuration.build_configured(stage.make_trainer)
  before = costs.prior_operations(workdir.rows(), math.nan) if is_round else _operations_to_find_masks(workdir, trainer)
  if not is_round:  # its own first masks would take away initial weights of those that it grew later
    trainer = configuration.build_configured(functools.partial(stage.make_trainer, methods=from_ticket.unmasked(trainer)))
  trainer.build(checkpoint_files.image_shapes(workdir.checkpoints))  # and has its initial weights
  if is_round:
    experiment.procedure.load_round(trainer, index_of(experiment.stage), pathlib.Path(workdir.path).absolute().parent)
  starting_weights.restore_parts(trainer, workdir.checkpoints, ['masks'])
  output = usage.output(values)
  with output_files.new_file(output, usage.SIGN) as path:
    ticket = tickets.write(path, trainer, before)
  remaining = ', '.join(f'{role} {density:.2%}' for role, density in ticket.densities.items())
  sys.stdout.write(f'{output}: {output.stat().st_size:,} bytes; weights that remain: {remaining}\n')


def _operations_to_find_masks(workdir, trainer):
  """Returns the operations of a sparse run up to the last update of its masks; NaN where they were not logged."""
  steps = range(1, workdir.newest_step() + 1)
  last = max((step for step in steps for method in trainer.methods.values() if method.is_update_step(step)), default=0)
  found = costs.cost_rows(workdir.rows(), last)
  return costs.sum_operations(found, last)[0] if found else math.nan
