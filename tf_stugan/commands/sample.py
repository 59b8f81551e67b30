"""Draw images of the averaged generator of a run: a grid of seeds, a sheet of classes, or walks from each seed to the next.

Image 7 is the same image in every grid, on every machine, for one checkpoint (but with --statistics=batch).

Examples:
  tf-stugan sample --workdir=runs/a --seeds=0-63
  tf-stugan sample --workdir=runs/a --seeds=3,17,5 --interpolate=9 --output=walk.png
  tf-stugan sample --workdir=runs/b --labels=0-9 --seeds=0-7                # a row a class, a column a seed
  tf-stugan sample --workdir=runs/b --labels=3 --seeds=0-4 --interpolate=9 # walks within one class
  tf-stugan sample --workdir=runs/b --truncation=0.5 --statistics=standing
"""

import sys

from absl import flags
import numpy as np

from tf_stugan import errors
from tf_stugan.commands import common
from tf_stugan.data import images as images_lib
from tf_stugan.training import reporting

_STANDING_BATCH = 64  # images of which the moments are taken together


def define_flags(values: flags.FlagValues) -> None:
  common.define_trained_flags(values)
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
      'standing_batches', 16, f'Batches of {_STANDING_BATCH} images for --statistics=standing.', lower_bound=1,
      flag_values=values)
  flags.DEFINE_integer('scale', 2, 'Enlarge each pixel this many times.', lower_bound=1, flag_values=values)
  flags.DEFINE_string('output', None, 'PNG to write; samples.png in the workdir if not given.', flag_values=values)


def run(values: flags.FlagValues) -> None:
  seeds = common.parse_numbers('seeds', values.seeds)
  labels = common.parse_numbers('labels', values.labels) if values.labels else None
  if values.interpolate and len(seeds) < 2:
    raise errors.UserError('--interpolate needs at least two --seeds.')
  if values.interpolate and values.statistics == 'batch':
    raise errors.UserError('--interpolate with --statistics=batch: neighbours would change with the rest of their row.')
  workdir, gan = common.restore(values)
  if labels is not None and labels.max() >= gan.num_classes:
    raise errors.UserError(
        f'--labels={values.labels}: ' + (f'the classes are 0-{gan.num_classes - 1}.' if gan.num_classes else (
            'the generator knows no classes.')))
  if values.statistics == 'standing':
    gan.set_standing_statistics(values.standing_batches, _STANDING_BATCH, values.truncation)
  images, columns = _walks(gan, seeds, labels, values) if values.interpolate else _sheet(gan, seeds, labels, values)
  grid = reporting.image_grid(images_lib.to_uint8(images), columns)
  output = values.output or str(workdir.path / 'samples.png')
  try:
    reporting.save_png(grid.repeat(values.scale, axis=0).repeat(values.scale, axis=1), output)
  except (OSError, ValueError) as error:
    raise errors.UserError(f'--output={output} cannot be written: {error}') from error
  sys.stdout.write(f'{output}\n')


def _sheet(gan, seeds, labels, values):
  """(images, columns): a grid of the seeds, or a row of them for each class."""
  columns = None
  if labels is not None:
    columns = len(seeds)
    seeds, labels = np.tile(seeds, len(labels)), np.repeat(labels, len(seeds))
  batch_statistics = values.statistics == 'batch'
  return gan.sample(seeds, labels, batch_statistics=batch_statistics, truncation=values.truncation), columns


def _walks(gan, seeds, labels, values):
  """(images, columns): a row for each pair of neighbours in the seeds and each class."""
  rows = [gan.interpolate(first, last, values.interpolate, label, values.truncation)
          for label in ([None] if labels is None else labels)
          for first, last in zip(seeds[:-1], seeds[1:], strict=True)]
  return np.concatenate(rows), values.interpolate
