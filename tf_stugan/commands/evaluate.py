"""Score the averaged generator of a run at one of its checkpoints. The same checkpoint always gets the same scores.

The scores are printed as JSON together with the protocol they were made under, and added to the run's evaluations.jsonl.

Examples:
  tf-stugan evaluate --workdir=runs/a
  tf-stugan evaluate --workdir=runs/a --checkpoint=best --num_samples=50000
"""

import json
import pathlib
import sys

from absl import flags

from tf_stugan.commands import common
from tf_stugan.training import checkpoints
from tf_stugan.training.workdir import Workdir


def define_flags(values: flags.FlagValues) -> None:
  common.define_trained_flags(values)
  common.define_machine_flags(values)
  flags.DEFINE_integer(
      'num_samples', None, "Generated images; the run's own number if not given.", lower_bound=2, flag_values=values)


def run(values: flags.FlagValues) -> None:
  workdir = Workdir(values.workdir)
  experiment = common.make_experiment(workdir)
  trained = experiment.prepare(workdir, values.data_dir, pathlib.Path(values.cache_dir))
  step = checkpoints.restore_chosen(trained.trainer, workdir.checkpoints, values.checkpoint)
  if values.num_samples:
    trained.evaluator.num_samples = values.num_samples
  row = {'step': step, **trained.evaluator.evaluate(trained.trainer.gan), 'protocol': trained.evaluator.protocol()}
  with open(workdir.path / 'evaluations.jsonl', 'a') as file:
    file.write(json.dumps(row) + '\n')
  sys.stdout.write(json.dumps(row, indent=1) + '\n')
