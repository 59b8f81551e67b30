"""Score the averaged generator of a run at one of its checkpoints, or a folder of images that anybody made.

The same checkpoint always gets the same scores; --checkpoint=all scores every one that was kept. They are printed as JSON
together with the protocol they were made under, and added to the run's evaluations.jsonl. A metric's file on top of the
run's own files adds its scores, an extractor's file replaces what they are computed from. Of a ladder all runs are scored,
one after the other.

Without a run, the images of a folder are compared with those of another folder or of a data set, by the features of a
random network if no --gin_file says otherwise. They have to be of one size; --resolution brings them to one.

Examples:
  tf-stugan evaluate --workdir=runs/a
  tf-stugan evaluate --workdir=runs/a --checkpoint=best --num_samples=50000
  tf-stugan evaluate --workdir=runs/a --checkpoint=all --gin_file=metrics/all.gin        # every metric of every checkpoint
  tf-stugan evaluate --workdir=runs/b --statistics=batch --batch_size=256     # as BigGAN's published scores
  tf-stugan evaluate --images=~/made --against=~/pictures/flowers --resolution=64
  tf-stugan evaluate --images=~/made --against=cifar10 --gin_file=metrics/inception.gin --gin_file=metrics/prd.gin
"""

import pathlib

from absl import flags

from tf_stugan import errors
from tf_stugan.training.workdir import Workdir
from tf_stugan.usage import common
from tf_stugan.usage.data import find_named

_OF_A_RUN = ('checkpoint', 'num_samples', 'statistics')


def define_flags(values: flags.FlagValues) -> None:
  common.define_trained_flags(values, required=False)
  common.define_machine_flags(values)
  common.define_path('images', None, 'Folder of images to score, in place of --workdir.', values)
  common.define_path(
      'against', None, 'What --images is compared with: a folder of images, or a data set (gin_configs/datasets).', values)
  flags.DEFINE_integer(
      'resolution', None, 'Height and width that all images are brought to, in pixels; their own if not given.',
      lower_bound=1, flag_values=values)
  common.define_gin_file_flag(
      'Metrics or an extractor, on top of those of the run: metrics/all.gin. May be repeated.', values)
  flags.DEFINE_multi_string(
      'gin_param', [], "One binding on top: 'prd.num_clusters = 50'. May be repeated.", flag_values=values)
  flags.DEFINE_integer(
      'num_samples', None, "Generated images; the run's own number if not given.", lower_bound=2, flag_values=values)
  flags.DEFINE_enum(
      'statistics', None, ['running', 'batch'],
      "BatchNorm statistics: those of training, or those of each batch; the run's own choice if not given.",
      flag_values=values)
  flags.DEFINE_integer(
      'batch_size', None, "Images at a time, which share their statistics; the run's own number if not given.",
      lower_bound=2, flag_values=values)
  common.define_path(
      'output', None, 'Folder for scores, and curves as figures; if not given, those of a run that have curves go into its '
      'folder evaluation.', values)


def check(values: flags.FlagValues) -> None:
  common.check_gin_files(values)
  if not values.images and not values.against:
    if not values.workdir:
      raise errors.UserError('give --workdir, or a folder of --images and what to hold them --against.')
    if values.resolution:
      raise errors.UserError('--resolution is for --images; a run makes its own.')
    if len(runs_of(values)) == 1:
      common.check_run(values)
    return
  if values.workdir or not values.images or not values.against:
    raise errors.UserError('--images and --against belong together, and stand in the place of --workdir.')
  if given := [flag for flag in _OF_A_RUN if not values[flag].using_default_value]:
    raise errors.UserError(f'--{given[0]} is for a run; of --images all are scored as they are.')
  if not pathlib.Path(values.images).is_dir():
    raise errors.DataError(f'--images={values.images} is no folder.')
  find_named(values.against)


def runs_of(values: flags.FlagValues) -> list[pathlib.Path]:
  """Lists the folders of the runs that --workdir means: those of its stages where it holds no run of its own."""
  workdir = Workdir(values.workdir)
  stages = workdir.stages() if workdir.config.exists() and not workdir.newest_step() else []
  return [workdir.path / name for name in stages] or [workdir.path]
