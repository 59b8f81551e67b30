"""Write the averaged generator of a run as .tflite or SavedModel, checked in another process against Keras on 64 latents.

Inputs: 'latents', float32 [batch, latent size], standard normal; 'labels', int32 [batch], if there are classes. Output:
images in [-1, 1]. --layout=sparse_lowered rewrites the generator so that runtimes with a sparse path (XNNPACK on ARM and in
WebAssembly, not on x86) multiply by its nonzero weights only; the images are the same. See docs/edge.md.

Examples:
  tf-stugan export --workdir=runs/a
  tf-stugan export --workdir=runs/a --layout=sparse_lowered --precision=fp16 --output=generator.tflite
  tf-stugan export --workdir=runs/a --layout=auto --explain
  tf-stugan export --workdir=runs/a --format=saved_model --batch_size=16
"""

import os
import pathlib
import shutil
import sys
import tempfile

from absl import flags

from tf_stugan import errors
from tf_stugan.commands import common
from tf_stugan.export import check
from tf_stugan.export import description
from tf_stugan.export import exporter
from tf_stugan.export import saved_model
from tf_stugan.export import tflite

_LARGEST_DIFFERENCE = 1e-4  # of pixels in [-1, 1], float32; seen: below 1e-5
_LARGEST_MEAN = 0.05  # for the other precisions, which are not exact


def define_flags(values: flags.FlagValues) -> None:
  common.define_trained_flags(values)
  flags.DEFINE_enum('format', 'tflite', ['tflite', 'saved_model'], 'What to write.', flag_values=values)
  flags.DEFINE_enum(
      'layout', 'plain', exporter.LAYOUTS,
      'plain, sparse_lowered, or auto: the one predicted to be faster where there is a sparse path.', flag_values=values)
  flags.DEFINE_enum('precision', 'fp32', tflite.PRECISIONS, 'Of weights (and, for int8, activations).', flag_values=values)
  flags.DEFINE_integer('batch_size', 1, 'Images a call.', lower_bound=1, flag_values=values)
  flags.DEFINE_bool(
      'sparse', None, 'Store kernels in compressed form; whichever file is smaller if not given.', flag_values=values)
  flags.DEFINE_bool('explain', False, 'Print what became of each layer, and what the sparse path takes.', flag_values=values)
  flags.DEFINE_string(
      'output', None, 'File (or folder) to write; generator.tflite or saved_model in the workdir if not given.',
      flag_values=values)


def run(values: flags.FlagValues) -> None:
  if values.output and not pathlib.Path(values.output).parent.is_dir():
    raise errors.UserError(f'--output={values.output} cannot be written: there is no such folder.')
  workdir, trainer = common.restore_trainer(values)
  generator = trainer.gan.averaged_generator
  if values.format == 'saved_model':
    _export_saved_model(values, generator, pathlib.Path(values.output or workdir.path / 'saved_model'))
    return
  exported = exporter.export(generator, values.layout, values.precision, values.batch_size, values.sparse)
  model = tflite.add_metadata(exported.model, {
      **description.describe(generator), 'layout': exported.layout, 'precision': values.precision,
      'sparse_encoding': exported.encoded, 'source_step': int(trainer.step)})
  output = pathlib.Path(values.output or workdir.path / 'generator.tflite')
  difference = _write(output, generator, lambda path: path.write_bytes(model), values.precision)
  if values.explain:
    sys.stdout.write(description.explain(exported.operations))
  for note in exported.notes:
    sys.stdout.write(note + '\n')
  sys.stdout.write(
      f'{output}: {len(model):,} bytes, {exported.layout} layout, {values.precision}, '
      f'{"sparse" if exported.encoded else "plain"} encoding (plain: {exported.plain_size:,}); {_told(difference)}\n')


def _export_saved_model(values, generator, output):
  if values.layout != 'plain' or values.precision != 'fp32' or values.sparse or values.explain:
    raise errors.UserError('--format=saved_model holds the plain float32 generator; other flags are for --format=tflite.')
  difference = _write(output, generator, lambda path: saved_model.save(generator, path, values.batch_size), 'fp32')
  size = sum(path.stat().st_size for path in output.rglob('*') if path.is_file())
  sys.stdout.write(f'{output}: {size:,} bytes, SavedModel; {_told(difference)}\n')


def _write(output, generator, write, precision):
  """Writes beside the target, checks, and puts it in its place: what is there stays until there is something better."""
  try:
    with tempfile.TemporaryDirectory(dir=output.parent, prefix='.export-') as folder:
      path = pathlib.Path(folder, output.name)
      write(path)
      difference = check.compare(path, generator)
      _refuse_if_wrong(difference, precision)
      if output.is_dir():
        shutil.rmtree(output)
      os.replace(path, output)
  except OSError as error:
    raise errors.UserError(f'--output={output} cannot be written: {error.strerror}') from error
  return difference


def _refuse_if_wrong(difference, precision):
  if difference.largest > _LARGEST_DIFFERENCE if precision == 'fp32' else difference.mean > _LARGEST_MEAN:
    raise errors.UserError(
        f'The converted file differs from Keras by up to {difference.largest:.2g}, {difference.mean:.2g} on average, of '
        '[-1, 1]; it was not written.')


def _told(difference):
  return (f'differs from Keras by at most {difference.largest:.1e}, {difference.mean:.1e} on average, over {check.IMAGES} '
          'images')
