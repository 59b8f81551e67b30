"""What `tf-stugan evaluate` does."""

import json
import pathlib
import sys

from absl import flags

from tf_stugan import configuration
from tf_stugan import errors
from tf_stugan.commands import common
from tf_stugan.training.workdir import Workdir


def run(values: flags.FlagValues) -> None:
  workdir = Workdir(values.workdir)
  experiment = common.make_experiment(values, workdir)
  if not experiment.evaluator:
    raise errors.UserError(f'{workdir.path} is a run without scores (metrics/none.gin).')
  evaluator = experiment.evaluator
  evaluator.num_samples = values.num_samples or evaluator.num_samples
  trainer = configuration.made(experiment.make_trainer)
  experiment.prepare(trainer, workdir, values.data_dir, pathlib.Path(values.cache_dir))
  step = common.restore_chosen(trainer, workdir, values.checkpoint)
  evaluator.batch_size = values.batch_size or evaluator.batch_size
  if values.statistics:
    evaluator.batch_statistics = values.statistics == 'batch'
  row = {'step': step, **evaluator.evaluate(trainer.gan.outputs), 'protocol': evaluator.protocol()}
  with open(workdir.path / 'evaluations.jsonl', 'a') as file:
    file.write(json.dumps(row) + '\n')
  sys.stdout.write(json.dumps(row, indent=1) + '\n')
