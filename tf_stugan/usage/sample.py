"""Draw images of the averaged generator of a run: a grid of seeds, a sheet of classes, or walks from each seed to the next;
as one PNG, as a GIF or an MP4, in which a walk goes on in time and classes stand side by side, or as a PNG for each image.

An MP4 takes pip install 'tf_stugan[video]'.

Image 7 is the same image in every grid, on every machine, for one checkpoint (but with --statistics=batch).

Examples:
  tf-stugan sample --workdir=runs/a --seeds=0-63
  tf-stugan sample --workdir=runs/a --seeds=3,17,5 --interpolate=9 --output=walk.png
  tf-stugan sample --workdir=runs/b --labels=0-9 --seeds=0-7                # a row a class, a column a seed
  tf-stugan sample --workdir=runs/b --labels=3 --seeds=0-4 --interpolate=9 # walks within one class
  tf-stugan sample --workdir=runs/b --labels=0-4 --seeds=3,17,3 --interpolate=24 --output=walk.gif      # or walk.mp4
  tf-stugan sample --workdir=runs/b --seeds=0-9999 --separate --output=made
  tf-stugan sample --workdir=runs/b --truncation=0.5 --statistics=standing
  tf-stugan sample --workdir=runs/c --which=a_to_b --seeds=0-7             # of a CycleGAN: image, translation, way back
"""

import importlib
import pathlib

from absl import flags

from tf_stugan import errors
from tf_stugan import output_files
from tf_stugan.usage import common

STANDING_BATCH = 64  # images of which the moments are taken together
STANDING_BATCHES = 16
SOFTWARE = 'tf-stugan sample'  # as every PNG of this command says in its text
_MOST_IMAGES = 100_000
_MOVING = ('.gif', '.mp4')
_ENDINGS = ('.png', *_MOVING)


def define_flags(values: flags.FlagValues) -> None:
  common.define_trained_flags(values)
  common.define_output_flag(values)
  common.define_data_flag(values)
  flags.DEFINE_string('seeds', '0-63', 'Images to make: 0-31, or 3,7,9, or both mixed.', flag_values=values)
  flags.DEFINE_string(
      'labels', None, "Classes, written as --seeds: one row a class. Each seed's own class if not given.",
      flag_values=values)
  flags.DEFINE_integer(
      'interpolate', None, 'Images from one seed to the next, both included: one row a pair of seeds.', lower_bound=2,
      flag_values=values)
  flags.DEFINE_float(
      'truncation', None, 'Bound of the components of latents, for example 0.5: better images, less variety.',
      lower_bound=0.05, flag_values=values)
  flags.DEFINE_enum(
      'statistics', 'running', ['running', 'standing', 'batch'],
      "BatchNorm statistics: those of training, means over batches of the generator's own (truncated) images, or those of "
      'the images at hand.', flag_values=values)
  flags.DEFINE_integer(
      'standing_batches', None,
      f'Batches of {STANDING_BATCH} images for --statistics=standing; {STANDING_BATCHES} if not given.', lower_bound=1,
      flag_values=values)
  flags.DEFINE_integer('scale', 2, 'Enlarge each pixel this many times.', lower_bound=1, flag_values=values)
  flags.DEFINE_bool(
      'separate', False, 'Write each image into a PNG of its own, in the folder --output, not enlarged.',
      flag_values=values)
  flags.DEFINE_integer('fps', 12, 'Images a second of a GIF or an MP4.', 1, 50, flag_values=values)
  common.define_path(
      'output', None, 'PNG, GIF or MP4 to write, or a folder for it; samples.png in the workdir if not given, with '
      '--which samples-a_to_b.png.', values)


def check(values: flags.FlagValues) -> None:
  seeds = common.parse_numbers('seeds', values.seeds)
  labels = common.parse_numbers('labels', values.labels) if values.labels else [None]
  if values.interpolate and len(seeds) < 2:
    raise errors.UserError('--interpolate needs at least two --seeds.')
  if values.interpolate and values.statistics == 'batch':
    raise errors.UserError('--interpolate with --statistics=batch: neighbours would change with the rest of their row.')
  if values.standing_batches and values.statistics != 'standing':
    raise errors.UserError('--standing_batches is for --statistics=standing.')
  in_row = (len(seeds) - 1) * values.interpolate if values.interpolate else len(seeds)
  if (count := in_row * len(labels)) > _MOST_IMAGES:
    raise errors.UserError(f'--seeds, --labels and --interpolate ask for {count:,} images; make at most {_MOST_IMAGES:,}.')
  common.check_run(values)
  if values.separate:
    if not values.output or pathlib.Path(values.output).suffix.lower() in _ENDINGS:
      raise errors.UserError('--separate needs a folder as --output.')
    return
  target = output(values)
  if target.suffix.lower() not in _ENDINGS:
    raise errors.UserError(f'--output={values.output}: give a file with the ending .png, .gif or .mp4, or a folder.')
  if not values['fps'].using_default_value and not moves(target):
    raise errors.UserError('--fps is for a GIF or an MP4.')
  if target.suffix.lower() == '.mp4':
    _check_video()
  output_files.check_file(target, SOFTWARE.encode())


def _check_video():
  try:
    importlib.import_module('imageio_ffmpeg')
  except ImportError as error:
    raise errors.UserError("An MP4 needs imageio-ffmpeg: pip install 'tf_stugan[video]'; a .gif needs nothing.") from error


def moves(path: pathlib.Path) -> bool:
  """Tells whether a file shows images one after the other, by its ending."""
  return path.suffix.lower() in _MOVING


def output(values: flags.FlagValues) -> pathlib.Path:
  """Returns the file to write."""
  name = f'samples-{values.which}.png' if values.which else 'samples.png'
  return output_files.place(values.output, name) if values.output else pathlib.Path(values.workdir, name)
