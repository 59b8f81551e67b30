"""Check this installation: versions, devices, the cache, and (with --gin_file) the data and the extractor of an experiment.

Examples:
  tf-stugan doctor
  tf-stugan doctor --gin_file=sngan_cifar10_stugan.gin --data_dir=~/tensorflow_datasets
"""

from absl import flags

from tf_stugan.usage import common


def define_flags(values: flags.FlagValues) -> None:
  common.define_machine_flags(values)
  common.define_module_flag(values)
  common.define_gin_file_flag('Check what this experiment needs, too.', values)
  flags.DEFINE_multi_string('gin_param', [], 'Bindings on top of it.', flag_values=values)


def check(values: flags.FlagValues) -> None:
  common.check_gin_flags(values)
