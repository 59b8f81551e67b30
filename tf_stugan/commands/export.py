"""What `tf-stugan export` does."""

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
