"""Write the averaged generator of a run as a float32 .tflite with a static batch, checked against Keras on 64 latents.

Sparse kernels are stored in compressed form where that makes the file smaller (above 20 to 33 % zeros). By itself this
saves size, not time. Inputs: 'latents', float32 [batch, latent size], standard normal, and, if the generator has classes,
'labels', int32 [batch]. Output: images in [-1, 1].

Examples:
  tf-stugan export --workdir=runs/a
  tf-stugan export --workdir=runs/a --batch_size=4 --nosparse --output=generator.tflite
"""

import os
import pathlib
import sys
import tempfile

from absl import flags

from tf_stugan import errors
from tf_stugan.commands import common
from tf_stugan.export import tflite

_LARGEST_DIFFERENCE = 1e-4  # of pixels in [-1, 1]; seen: below 1e-5


def define_flags(values: flags.FlagValues) -> None:
  common.define_workdir_flag(values)
  flags.DEFINE_integer('batch_size', 1, 'Images a call.', lower_bound=1, flag_values=values)
  flags.DEFINE_bool(
      'sparse', None, 'Store kernels in compressed form; whichever file is smaller if not given.', flag_values=values)
  flags.DEFINE_string('output', None, 'File to write; generator.tflite in the workdir if not given.', flag_values=values)


def run(values: flags.FlagValues) -> None:
  workdir, gan = common.restore(values)
  generator = gan.averaged_generator
  exported = tflite.convert(generator, values.batch_size, values.sparse)
  largest, mean = tflite.parity(exported.model, generator)
  if not largest <= _LARGEST_DIFFERENCE:
    raise errors.UserError(
        f'The converted file differs from Keras by up to {largest:.2g} of [-1, 1]; it was not written.')
  output = pathlib.Path(values.output or workdir.path / 'generator.tflite')
  try:
    with tempfile.NamedTemporaryFile(dir=output.parent, suffix='.part', delete=False) as file:
      file.write(exported.model)
    os.replace(file.name, output)
  except OSError as error:
    raise errors.UserError(f'--output={output} cannot be written: {error.strerror}') from error
  sys.stdout.write(
      f'{output}: {len(exported.model):,} bytes, {"sparse" if exported.sparse else "plain"} encoding (plain: '
      f'{exported.plain_size:,}); differs from Keras by at most {largest:.1e}, {mean:.1e} on average, over 64 images\n')
