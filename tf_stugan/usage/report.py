"""Compare runs: a table (Markdown and CSV) with scores and the true cost of training, the score against density, and scores,
balance and exploration over time (figures, and curves.csv).

Runs are named by what tells their paths apart. Those whose scores cannot be compared (other data, features or numbers of
images) come into tables and folders of their own.

Examples:
  tf-stugan report --workdirs=runs/a,runs/b
  tf-stugan report --workdirs='runs/*' --output=comparison
  tf-stugan report --workdirs=runs/a --layers
  tf-stugan report --workdirs='runs/*' --columns=all
  tf-stugan report --workdirs='runs/*' --convention=published:adapt      # training FLOPs as Table 3 of ADAPT has them
"""

from absl import flags

from tf_stugan.usage import common


def define_flags(values: flags.FlagValues) -> None:
  flags.DEFINE_list('workdirs', [], 'Folders of runs, or patterns, separated by commas.', flag_values=values)
  flags.DEFINE_string('output', 'report', 'Folder for the table and the figures.', flag_values=values)
  flags.DEFINE_enum(
      'columns', 'main', ['main', 'all'],
      'Of the table: scores, densities, cost and time, or everything. report.csv always has everything.', flag_values=values)
  common.define_convention_flag(values)
  common.define_module_flag(values)
  flags.DEFINE_bool(
      'layers', False, 'Also draw density and exploration rate of every layer, one figure a run.', flag_values=values)
