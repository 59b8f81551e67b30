"""Score the averaged generator of a run at one of its checkpoints. The same checkpoint always gets the same scores.

The scores are printed as JSON together with the protocol they were made under, and added to the run's evaluations.jsonl.

Examples:
  tf-stugan evaluate --workdir=runs/a
  tf-stugan evaluate --workdir=runs/a --checkpoint=best --num_samples=50000
  tf-stugan evaluate --workdir=runs/b --statistics=batch --batch_size=256     # as BigGAN's published scores
"""

import json
import pathlib
import sys

from absl import flags

from tf_stugan.commands import common
from tf_stugan.training.workdir import Workdir


def define_flags(values: flags.FlagValues) -> None:
  common.define_trained_flags(values)
  common.define_machine_flags(values)
  flags.DEFINE_integer(
      'num_samples', None, "Generated images; the run's own number if not given.", lower_bound=2, flag_values=values)
  flags.DEFINE_enum(
      'statistics', None, ['running', 'batch'],
      "BatchNorm statistics: those of training, or those of each batch; the run's own choice if not given.",
      flag_values=values)
  flags.DEFINE_integer(
      'batch_size', None, "Images at a time, which share their statistics; the run's own number if not given.",
      lower_bound=2, flag_values=values)


def run(values: flags.FlagValues) -> None:
  workdir = Workdir(values.workdir)
  experiment = common.make_experiment(values, workdir)
  trained = experiment.prepare(workdir, values.data_dir, pathlib.Path(values.cache_dir))
  step = common.restore_chosen(trained.trainer, workdir, values.checkpoint)
  evaluator = trained.evaluator
  evaluator.num_samples = values.num_samples or evaluator.num_samples
  evaluator.batch_size = values.batch_size or evaluator.batch_size
  if values.statistics:
    evaluator.batch_statistics = values.statistics == 'batch'
  row = {'step': step, **evaluator.evaluate(trained.trainer.gan), 'protocol': evaluator.protocol()}
  with open(workdir.path / 'evaluations.jsonl', 'a') as file:
    file.write(json.dumps(row) + '\n')
  sys.stdout.write(json.dumps(row, indent=1) + '\n')
