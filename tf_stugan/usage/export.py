"""Write the averaged generator of a run as .tflite, ONNX or SavedModel, checked in another process on 64 latents.

Inputs: 'latents', float32 [batch, latent size], standard normal; 'labels', int32 [batch], if there are classes. Output:
images in [-1, 1]. --layout=sparse_lowered rewrites the generator so that runtimes with a sparse path (XNNPACK on ARM and in
WebAssembly, not on x86) multiply by its nonzero weights only; the images are the same. --layout=auto takes it where it is
predicted to be faster. See docs/edge.md. --format=onnx takes pip install 'tf_stugan[onnx]'.

Examples:
  tf-stugan export --workdir=runs/a
  tf-stugan export --workdir=runs/a --layout=sparse_lowered --precision=fp16 --output=generator.tflite
  tf-stugan export --workdir=runs/a --explain
  tf-stugan export --workdir=runs/a --format=saved_model --batch_size=16
  tf-stugan export --workdir=runs/a --format=onnx
"""

import pathlib

from absl import flags

from tf_stugan import errors
from tf_stugan import output_files
from tf_stugan.usage import common

COMMAND = 'tf-stugan export'  # as the manifest of a SavedModel has it
SIGN = b'"tf_stugan": "'  # of the metadata in every file of this command


def define_flags(values: flags.FlagValues) -> None:
  common.define_trained_flags(values)
  common.define_output_flag(values)
  flags.DEFINE_enum('format', 'tflite', ['tflite', 'onnx', 'saved_model'], 'What to write.', flag_values=values)
  flags.DEFINE_enum(
      'layout', 'auto', ['plain', 'sparse_lowered', 'auto'],
      'plain, sparse_lowered, or auto: the one predicted to be faster where there is a sparse path.', flag_values=values)
  flags.DEFINE_enum(
      'precision', 'fp32', ['fp32', 'fp16', 'int8', 'dynamic'], 'Of weights (and, for int8, activations).',
      flag_values=values)
  flags.DEFINE_integer('batch_size', 1, 'Images a call.', lower_bound=1, flag_values=values)
  flags.DEFINE_bool(
      'sparse', None, 'Store kernels in compressed form; whichever file is smaller if not given.', flag_values=values)
  flags.DEFINE_bool('explain', False, 'Print what became of each layer, and what the sparse path takes.', flag_values=values)
  common.define_path(
      'output', None, 'What to write, or a folder for it; generator.tflite, generator.onnx or saved_model in the workdir if '
      'not given, with --which a_to_b.tflite, a_to_b.onnx or a_to_b_saved_model.', values)


def check(values: flags.FlagValues) -> None:
  common.check_run(values)
  given = [name for name in ('layout', 'precision', 'sparse', 'explain') if values[name].present]
  if values.format != 'tflite' and given:
    raise errors.UserError(
        f'--format={values.format} holds the plain float32 generator; --{given[0]} is for --format=tflite.')
  if values.format == 'saved_model':
    output_files.check_folder(output(values), COMMAND)
  else:
    output_files.check_file(output(values), SIGN)
  if values.format == 'onnx' and output(values).suffix != '.onnx':
    raise errors.UserError(f'--output={values.output}: the name of an ONNX file ends in .onnx.')


def output(values: flags.FlagValues) -> pathlib.Path:
  """Returns the file, or the folder of a SavedModel, to write."""
  name = f'{values.which}.{values.format}' if values.which else f'generator.{values.format}'
  if values.format == 'saved_model':
    name = f'{values.which}_saved_model' if values.which else 'saved_model'
  if not values.output:
    return pathlib.Path(values.workdir, name)
  if values.format == 'saved_model':
    return output_files.place_folder(values.output, name, COMMAND)
  return output_files.place(values.output, name)
