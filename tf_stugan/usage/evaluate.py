"""Score the averaged generator of a run at one of its checkpoints. The same checkpoint always gets the same scores.

The scores are printed as JSON together with the protocol they were made under, and added to the run's evaluations.jsonl.

Examples:
  tf-stugan evaluate --workdir=runs/a
  tf-stugan evaluate --workdir=runs/a --checkpoint=best --num_samples=50000
  tf-stugan evaluate --workdir=runs/b --statistics=batch --batch_size=256     # as BigGAN's published scores
"""

from absl import flags

from tf_stugan.usage import common


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


def check(values: flags.FlagValues) -> None:
  common.check_run(values)
