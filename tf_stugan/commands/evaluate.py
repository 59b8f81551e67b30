"""What `tf-stugan evaluate` does."""

import json
import pathlib
import sys

from absl import flags

from tf_stugan.commands import common
from tf_stugan.training.workdir import Workdir


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
