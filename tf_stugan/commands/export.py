"""What `tf-stugan export` does."""

import sys

from absl import flags

from tf_stugan import errors
from tf_stugan import output_files
from tf_stugan.commands import common
from tf_stugan.export import check
from tf_stugan.export import description
from tf_stugan.export import exporter
from tf_stugan.export import onnx_file
from tf_stugan.export import saved_model
from tf_stugan.export import tflite
from tf_stugan.usage import export as usage

_LARGEST_DIFFERENCE = 1e-4  # of pixels in [-1, 1], float32; seen: below 1e-5
_LARGEST_MEAN = 0.05  # for the other precisions, which are not exact


def run(values: flags.FlagValues) -> None:
  _, trainer = common.restore_trainer(values)
  made = common.choose_output(trainer.gan, values)
  if values.format == 'saved_model':
    _export_saved_model(values, made)
  elif values.format == 'onnx':
    _export_onnx(values, made, int(trainer.step))
  else:
    _export_tflite(values, made, int(trainer.step))


def _export_tflite(values, made, step):
  exported = exporter.export(made, values.layout, values.precision, values.batch_size, values.sparse)
  model = tflite.add_metadata(exported.model, {
      **description.describe(made), 'layout': exported.layout, 'precision': values.precision,
      'sparse_encoding': exported.encoded, 'source_step': step})
  output = usage.output(values)
  with output_files.new_file(output, usage.SIGN) as path:
    path.write_bytes(model)
    difference = _check(path, made, values.precision)
  if values.explain:
    sys.stdout.write(description.explain(exported.operations, made.network.name))
  for note in exported.notes:
    sys.stdout.write(note + '\n')
  sys.stdout.write(
      f'{output}: {len(model):,} bytes, {exported.layout} layout, {values.precision}, '
      f'{"sparse" if exported.encoded else "plain"} encoding (plain: {exported.plain_size:,}); '
      f'{_in_words(difference, made)}\n')


def _export_onnx(values, made, step):
  onnx_file.check_installed()
  model = onnx_file.convert(made, values.batch_size, {**description.describe(made), 'source_step': step})
  output = usage.output(values)
  with output_files.new_file(output, usage.SIGN) as path:
    path.write_bytes(model)
    difference = _check(path, made, 'fp32')
  sys.stdout.write(f'{output}: {len(model):,} bytes, ONNX; {_in_words(difference, made)}\n')


def _export_saved_model(values, made):
  output = usage.output(values)
  with output_files.new_folder(output, usage.COMMAND) as path:
    saved_model.save(made, path, values.batch_size)
    difference = _check(path, made, 'fp32')
  size = sum(path.stat().st_size for path in output.rglob('*') if path.is_file())
  sys.stdout.write(f'{output}: {size:,} bytes, SavedModel; {_in_words(difference, made)}\n')


def _check(path, made, precision):
  """Returns the difference between the file and Keras; raises UserError where it is too large to go to its place."""
  difference = check.compare(path, made, check.count(made))
  if difference.largest > _LARGEST_DIFFERENCE if precision == 'fp32' else difference.mean > _LARGEST_MEAN:
    raise errors.UserError(
        f'The converted file differs from Keras by up to {difference.largest:.2g}, {difference.mean:.2g} on average, of '
        '[-1, 1]; it was not written.')
  return difference


def _in_words(difference, made):
  return (f'differs from Keras by at most {difference.largest:.1e}, {difference.mean:.1e} on average, over '
          f'{check.count(made)} images')
