"""Draw images of the averaged generator of a run: a grid of seeds, or a sheet that walks from each seed to the next.

Image 7 is the same image in every grid, on every machine, for one checkpoint.

Examples:
  tf-stugan sample --workdir=runs/a --seeds=0-63
  tf-stugan sample --workdir=runs/a --seeds=3,17,5 --interpolate=9 --output=walk.png
"""

import sys

from absl import flags
import numpy as np

from tf_stugan import errors
from tf_stugan.commands import common
from tf_stugan.data import images as images_lib
from tf_stugan.training import reporting


def define_flags(values: flags.FlagValues) -> None:
  common.define_workdir_flag(values)
  flags.DEFINE_string('seeds', '0-63', 'Images to make: 0-31, or 3,7,9, or both mixed.', flag_values=values)
  flags.DEFINE_integer(
      'interpolate', None, 'Images from one seed to the next, both included: one row a pair of seeds.', lower_bound=2,
      flag_values=values)
  flags.DEFINE_integer('scale', 2, 'Enlarge each pixel this many times.', lower_bound=1, flag_values=values)
  flags.DEFINE_string('output', None, 'PNG to write; samples.png in the workdir if not given.', flag_values=values)


def run(values: flags.FlagValues) -> None:
  seeds = common.parse_seeds(values.seeds)
  if values.interpolate and len(seeds) < 2:
    raise errors.UserError('--interpolate needs at least two --seeds.')
  workdir, gan = common.restore(values)
  if values.interpolate:
    rows = [gan.interpolate(a, b, values.interpolate) for a, b in zip(seeds[:-1], seeds[1:], strict=True)]
    grid = reporting.image_grid(images_lib.to_uint8(np.concatenate(rows)), columns=values.interpolate)
  else:
    grid = reporting.image_grid(images_lib.to_uint8(gan.sample(seeds)))
  output = values.output or str(workdir.path / 'samples.png')
  grid = grid.repeat(values.scale, axis=0).repeat(values.scale, axis=1)
  try:
    reporting.save_png(grid, output)
  except (OSError, ValueError) as error:
    raise errors.UserError(f'--output={output} cannot be written: {error}') from error
  sys.stdout.write(f'{output}\n')
