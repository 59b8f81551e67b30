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

from absl import flags

from tf_stugan.usage import common


def define_flags(values: flags.FlagValues) -> None:
  common.define_trained_flags(values)
  flags.DEFINE_enum('format', 'tflite', ['tflite', 'saved_model'], 'What to write.', flag_values=values)
  flags.DEFINE_enum(
      'layout', 'plain', ['plain', 'sparse_lowered', 'auto'],
      'plain, sparse_lowered, or auto: the one predicted to be faster where there is a sparse path.', flag_values=values)
  flags.DEFINE_enum(
      'precision', 'fp32', ['fp32', 'fp16', 'int8', 'dynamic'], 'Of weights (and, for int8, activations).',
      flag_values=values)
  flags.DEFINE_integer('batch_size', 1, 'Images a call.', lower_bound=1, flag_values=values)
  flags.DEFINE_bool(
      'sparse', None, 'Store kernels in compressed form; whichever file is smaller if not given.', flag_values=values)
  flags.DEFINE_bool('explain', False, 'Print what became of each layer, and what the sparse path takes.', flag_values=values)
  flags.DEFINE_string(
      'output', None, 'File (or folder) to write; generator.tflite or saved_model in the workdir if not given.',
      flag_values=values)


def check(values: flags.FlagValues) -> None:
  common.check_run(values)
