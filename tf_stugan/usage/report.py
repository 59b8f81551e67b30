"""Compare runs, or report on a study: tables (Markdown, CSV, LaTeX) with scores and the true cost of training, figures (PNG
and PDF) of scores, balance and exploration over time and of the score against density, cost and size, and all of it on one
page with samples (report.html). Runs may still be training.

Runs that differ in their seeds alone are one row: means, with 95 % intervals. Runs are named by what tells their paths
apart. Those whose scores cannot be compared (other data, features or numbers of images) come into tables and folders of
their own.

Examples:
  tf-stugan report --workdirs=runs/a,runs/b
  tf-stugan report --workdirs='runs/*' --output=comparison
  tf-stugan report --workdirs=runs/a --layers
  tf-stugan report --workdirs='runs/*' --columns=all
  tf-stugan report --workdirs=studies/a --output=studies/a/report           # a whole study; or several: studies/a,studies/b
  tf-stugan report --workdirs='runs/*' --compare=stugan,static              # is the first row better than the second?
  tf-stugan report --workdirs=studies/a --features='strided classifier'     # by scores of `tf-stugan evaluate`
  tf-stugan report --workdirs='runs/*' --measurements=phone.csv --figure='FCD,milliseconds'
  tf-stugan report --workdirs='runs/*' --convention=published:adapt      # training FLOPs as Table 3 of ADAPT has them
"""

from absl import flags

from tf_stugan import errors
from tf_stugan.usage import common

SCORE, STEP = 'score', 'step'  # in --figure: the first score; over time


def define_flags(values: flags.FlagValues) -> None:
  flags.DEFINE_list('workdirs', [], 'Folders of runs, or patterns, separated by commas.', flag_values=values)
  common.define_path('output', 'report', 'Folder for the table and the figures.', values)
  flags.DEFINE_enum(
      'columns', 'main', ['main', 'all'],
      'Of the table: scores, densities, cost and time, or everything. report.csv always has everything.', flag_values=values)
  flags.DEFINE_multi_string(
      'figure', [], "A column against another one: 'score,G parameters'; score is the first score. May be repeated.",
      flag_values=values)
  flags.DEFINE_multi_string(
      'compare', [], 'Two rows: whether the first beats the second, by differences of runs of equal seed. May be repeated; '
      'a study may ask it itself (Study.comparisons).', flag_values=values)
  flags.DEFINE_string(
      'features', None, 'Take the scores of these features, of training or of `tf-stugan evaluate`: how the description of '
      'the extractor begins, in whole words. Those of training if not given.', flag_values=values)
  common.define_path(
      'measurements', None, 'A CSV file with a column `run` (a name, or a folder) or `row`, and further ones, such as '
      'milliseconds on a phone, that become columns of the report; the score is drawn against each. Lines of one run with '
      'another `form` are rows of their own. tools/time_runs.py writes one.', values)
  common.define_convention_flag(values)
  common.define_module_flag(values)
  flags.DEFINE_bool(
      'layers', False, 'Also draw density and exploration rate of every layer, one figure a run.', flag_values=values)


def check(values: flags.FlagValues) -> None:
  for text in values.figure:
    parse_figure(text)
  for text in values.compare:
    parse_comparison(text)


def parse_figure(text: str) -> tuple[str, str]:
  """Returns the value of a flag, 'FCD,G density' -> ('FCD', 'G density').

  Raises:
    UserError: it is something else.
  """
  return _two('figure', text, "columns, for example --figure='score,G density'")


def parse_comparison(text: str) -> tuple[str, str]:
  """Returns the value of a flag, 'a,b' -> ('a', 'b').

  Raises:
    UserError: it is something else.
  """
  return _two('compare', text, 'rows, for example --compare=stugan_0.1,static_0.1')


def _two(flag, text, expected):
  first, comma, second = (part.strip() for part in text.partition(','))
  if not (first and comma and second):
    raise errors.UserError(f'--{flag}={text}: give two {expected}.')
  return first, second
