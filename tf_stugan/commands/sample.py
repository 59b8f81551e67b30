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
_STANDING_BATCHES = 16
_PART = 64  # images at a time, where they do not share their statistics
_MOST_IMAGES = 100_000


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
      'standing_batches', None,
      f'Batches of {_STANDING_BATCH} images for --statistics=standing; {_STANDING_BATCHES} if not given.', lower_bound=1,
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
  if values.standing_batches and values.statistics != 'standing':
    raise errors.UserError('--standing_batches is for --statistics=standing.')
  in_row = (len(seeds) - 1) * values.interpolate if values.interpolate else len(seeds)
  if (count := in_row * (1 if labels is None else len(labels))) > _MOST_IMAGES:
    raise errors.UserError(f'--seeds, --labels and --interpolate ask for {count:,} images; make at most {_MOST_IMAGES:,}.')
  workdir, trainer = common.restore_trainer(values)
  gan = trainer.gan
  if labels is not None and labels.max() >= gan.num_classes:
    raise errors.UserError(
        f'--labels={values.labels}: ' + (f'the classes are 0-{gan.num_classes - 1}.' if gan.num_classes else (
            'the generator knows no classes.')))
  statistics = values.statistics
  if values.statistics == 'standing':
    batches = values.standing_batches or _STANDING_BATCHES
    gan.set_standing_statistics(batches, _STANDING_BATCH, values.truncation)
    statistics = f'standing, {batches} batches of {_STANDING_BATCH}'
  images, columns = _walks(gan, seeds, labels, values) if values.interpolate else _sheet(gan, seeds, labels, values)
  grid = reporting.image_grid(images, columns)
  text = {'step': int(trainer.step), 'weights': 'average', 'seeds': values.seeds, 'labels': values.labels,
          'interpolate': values.interpolate, 'statistics': statistics, 'truncation': values.truncation or 'none'}
  output = values.output or str(workdir.path / 'samples.png')
  try:
    reporting.save_png(grid.repeat(values.scale, axis=0).repeat(values.scale, axis=1), output, text)
  except (OSError, ValueError) as error:
    raise errors.UserError(f'--output={output} cannot be written: {error}') from error
  sys.stdout.write(f'{output}\n')


def _sheet(gan, seeds, labels, values):
  """(uint8 images, columns): a grid of the seeds, or a row of them for each class."""
  columns = None
  if labels is not None:
    columns = len(seeds)
    seeds, labels = np.tile(seeds, len(labels)), np.repeat(labels, len(seeds))
  batch_statistics = values.statistics == 'batch'
  parts = np.array_split(np.arange(len(seeds)), 1 if batch_statistics else -(-len(seeds) // _PART))
  images = [images_lib.to_uint8(gan.sample(seeds[part], None if labels is None else labels[part],
                                           batch_statistics=batch_statistics, truncation=values.truncation))
            for part in parts]
  return np.concatenate(images), columns


def _walks(gan, seeds, labels, values):
  """(uint8 images, columns): a row for each pair of neighbours in the seeds and each class."""
  rows = [images_lib.to_uint8(gan.interpolate(first, last, values.interpolate, label, values.truncation))
          for label in ([None] if labels is None else labels)
          for first, last in zip(seeds[:-1], seeds[1:], strict=True)]
  return np.concatenate(rows), values.interpolate
