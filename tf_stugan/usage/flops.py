"""What an experiment costs, without training it: a table of layers, operations of one image and of the whole run.

Densities are the expected ones of the method. Where a ranking across layers decides, they are those of the start (SDST, and
ADAPT, whose discriminator may also become denser) or the same in all layers (GMP, pruning); the true cost of such a run is
added up by `report` from what it logged.

Conventions:
  measured          each forward and backward once; 2 operations a multiply-add
  published:stugan  the recipe behind Table 2 of STU-GAN
  published:adapt   the recipe behind Table 3 of ADAPT

Examples:
  tf-stugan flops --gin_file=sngan_cifar10_stugan.gin --gin_param='GENERATOR_DENSITY = 0.05'
  tf-stugan flops --gin_file=sngan_cifar10_adapt_relaxed.gin --convention=published:adapt --json
"""

from absl import flags

from tf_stugan import errors
from tf_stugan.usage import common


def define_flags(values: flags.FlagValues) -> None:
  common.define_gin_flags(values)
  common.define_convention_flag(values)
  flags.DEFINE_bool('json', False, 'Print one JSON object instead of tables.', flag_values=values)


def check(values: flags.FlagValues) -> None:
  if not values.gin_file:
    raise errors.UserError('Name an experiment, for example --gin_file=quickstart.gin')
  common.check_gin_flags(values)
