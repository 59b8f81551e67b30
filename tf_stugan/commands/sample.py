"""What `tf-stugan sample` does."""

import pathlib
import sys

from absl import flags
import numpy as np

from tf_stugan import errors
from tf_stugan import output_files
from tf_stugan.commands import animation
from tf_stugan.commands import common
from tf_stugan.data import images as images_lib
from tf_stugan.data import pictures
from tf_stugan.training.workdir import Workdir
from tf_stugan.usage import sample as usage
from tf_stugan.usage.common import parse_numbers

_PART = 64  # images at a time, where they do not share their statistics


def run(values: flags.FlagValues) -> None:
  seeds = np.array(parse_numbers('seeds', values.seeds))
  labels = np.array(parse_numbers('labels', values.labels)) if values.labels else None
  if values.separate:
    output_files.check_files(pathlib.Path(values.output), _names(seeds, labels, values), usage.SOFTWARE)
  _, trainer = common.restore_trainer(values)
  output = common.choose_output(trainer.gan, values)
  if output.source:
    _check_translations(values)
  num_classes = trainer.gan.num_classes
  if labels is not None and labels.max() >= num_classes:
    raise errors.UserError(
        f'--labels={values.labels}: ' + (f'the classes are 0-{num_classes - 1}.' if num_classes else (
            'this game knows no classes.')))
  statistics = values.statistics
  if values.statistics == 'standing':
    batches = values.standing_batches or usage.STANDING_BATCHES
    output.set_standing_statistics(batches, usage.STANDING_BATCH, values.truncation)
    statistics = f'standing, {batches} batches of {usage.STANDING_BATCH}'
  if output.source:
    images, columns = _translations(output, trainer.gan, seeds, values)
  elif values.interpolate:
    images, columns = _walks(output, seeds, labels, values)
  else:
    images, columns = _sheet(output, seeds, labels, values)
  text = {'Software': usage.SOFTWARE, 'step': int(trainer.step), 'weights': output.weights, 'seeds': values.seeds,
          'labels': values.labels, 'interpolate': values.interpolate, 'statistics': statistics,
          'truncation': values.truncation or 'none'}
  if values.separate:
    sys.stdout.write(_write_separately(images, _names(seeds, labels, values), text, values.output))
    return
  target = usage.output(values)
  with output_files.new_file(target, usage.SOFTWARE.encode()) as path:
    if usage.moves(target):
      animation.write(_frames(images, columns, values), path, values.fps, text)
    else:
      pictures.save_png(_enlarged(pictures.make_grid(images, columns), values.scale), path, text)
  sys.stdout.write(f'{target}\n')


def _enlarged(image, scale):
  return image.repeat(scale, axis=0).repeat(scale, axis=1)


def _frames(images, columns, values):
  """Goes along the rows of a sheet in time, all rows at once. At the joint of two walks there is one image, not two."""
  rows = images.reshape(-1, columns or len(images), *images.shape[1:])
  if values.interpolate:
    walks = len(parse_numbers('seeds', values.seeds)) - 1
    rows = rows.reshape(-1, walks * columns, *images.shape[1:])
    rows = rows[:, [i for i in range(walks * columns) if i == 0 or i % columns]]
  return [_enlarged(pictures.make_grid(frame, len(frame)), values.scale) for frame in rows.swapaxes(0, 1)]


def _names(seeds, labels, values):
  """Names the files of a sheet's images, row by row."""
  kinds = [''] if labels is None else [f'class-{label}-' for label in labels]
  if values.interpolate:
    return [f'{kind}walk-{first}-{last}-{i:04}.png' for kind in kinds
            for first, last in zip(seeds[:-1], seeds[1:], strict=True) for i in range(values.interpolate)]
  return [f'{kind}seed-{seed}.png' for kind in kinds for seed in seeds]


def _write_separately(images, names, text, folder):
  with output_files.new_files(pathlib.Path(folder), usage.SOFTWARE) as scratch:
    for image, name in zip(images, names, strict=True):
      pictures.save_png(image, scratch / name, text)
  return f'{folder}/: {len(set(names))} images\n'


def _check_translations(values):
  """Raises UserError where something is asked for that only images made of noise have."""
  if values.labels or values.interpolate or values.truncation or values.statistics == 'standing' or values.separate or (
      usage.moves(usage.output(values))):
    raise errors.UserError('--labels, --interpolate, --truncation, --statistics=standing, --separate, GIFs and videos are '
                           'for images that are made of noise; this run translates: --seeds are numbers of test images.')


def _translations(output, gan, numbers, values):
  """Returns (uint8 images, columns): rows of a test image with one of these numbers, its translation, and the way back."""
  originals = common.make_experiment(values, Workdir(values.workdir)).load_originals(gan, values.data_dir)[output.source]
  if values['seeds'].using_default_value and numbers.max() >= len(originals):
    values.seeds = f'0-{len(originals) - 1}'
    numbers = np.arange(len(originals))
  if numbers.max() >= len(originals):
    raise errors.UserError(f'--seeds={values.seeds}: {originals.name} has the images 0-{len(originals) - 1}.')
  sheet = output.sheet(gan.outputs, output.inputs(numbers, originals), values.statistics == 'batch')
  return images_lib.to_uint8(sheet.images), sheet.columns


def _sheet(output, seeds, labels, values):
  """Returns (uint8 images, columns): a grid of the seeds, or a row of them for each class."""
  columns = None
  if labels is not None:
    columns = len(seeds)
    seeds, labels = np.tile(seeds, len(labels)), np.repeat(labels, len(seeds))
  batch_statistics = values.statistics == 'batch'
  parts = np.array_split(np.arange(len(seeds)), 1 if batch_statistics else -(-len(seeds) // _PART))
  images = [images_lib.to_uint8(output.sample(seeds[part], None if labels is None else labels[part],
                                           batch_statistics=batch_statistics, truncation=values.truncation))
            for part in parts]
  return np.concatenate(images), columns


def _walks(output, seeds, labels, values):
  """Returns (uint8 images, columns): a row for each pair of neighbours in the seeds and each class."""
  rows = [images_lib.to_uint8(output.interpolate(first, last, values.interpolate, label, values.truncation))
          for label in ([None] if labels is None else labels)
          for first, last in zip(seeds[:-1], seeds[1:], strict=True)]
  return np.concatenate(rows), values.interpolate
