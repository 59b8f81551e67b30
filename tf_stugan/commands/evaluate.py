"""Score the averaged generator of a run at its newest checkpoint. The same checkpoint always gets the same scores.

The scores are printed as JSON together with the protocol they were made under, and added to the run's evaluations.jsonl.

Examples:
  tf-stugan evaluate --workdir=runs/a
  tf-stugan evaluate --workdir=runs/a --num_samples=50000
"""

import json
import sys

from absl import flags

from tf_stugan.commands import common


def define_flags(values: flags.FlagValues) -> None:
  common.define_run_flags(values)
  flags.DEFINE_integer(
      'num_samples', None, "Generated images; the run's own number if not given.", lower_bound=2, flag_values=values)


def run(values: flags.FlagValues) -> None:
  trained = common.open_trained(values, evaluate=True)
  if values.num_samples:
    trained.evaluator.num_samples = values.num_samples
  scores = trained.evaluator.evaluate(trained.trainer.gan)
  row = {'step': int(trained.trainer.step.numpy()), **scores, 'protocol': trained.evaluator.protocol()}
  with open(trained.workdir.path / 'evaluations.jsonl', 'a') as file:
    file.write(json.dumps(row) + '\n')
  sys.stdout.write(json.dumps(row, indent=1) + '\n')
