"""How large the files of one generator are, in every precision, encoding and layout, as they are and gzipped.

  python tools/export_sizes.py --density=0.1 --out=docs/edge/sizes.md
"""

import gzip
import pathlib
import sys

from absl import app
from absl import flags
import benchmark_edge
import user_errors

from tf_stugan import errors
from tf_stugan import output_files
from tf_stugan.export import exporter

FLAGS = flags.FLAGS
flags.DEFINE_float('density', 0.1, 'Share of weights kept.')
for _name in ('model', 'mask_dense', 'out'):
  flags.declare_key_flag(_name)  # of benchmark_edge

_SIGN = 'tools/export_sizes.py'  # in what it writes, so that it replaces nothing else

# (layout, precision, encoded); None where the layout decides.
FILES = [('plain', 'fp32', False), ('plain', 'fp16', False), ('plain', 'int8', False), ('plain', 'dynamic', False),
         ('plain', 'fp32', True), ('plain', 'fp16', True), ('plain', 'int8', True),
         ('sparse_lowered', 'fp32', None), ('sparse_lowered', 'fp16', None)]


def main(_):
  output = pathlib.Path(FLAGS.out)
  output_files.check_file(output, _SIGN.encode())
  made = benchmark_edge.make_output(FLAGS.model, FLAGS.density)
  lines = ['| layout | precision | sparse encoding | MB | gzipped, MB |', '| --- | --- | --- | --- | --- |']
  for layout, precision, encoded in FILES:
    try:
      exported = exporter.export(made, layout, precision, encoded=encoded)
    except errors.UserError as error:
      lines.append(f'| {layout} | {precision} | not to be had: {error} | | |')
      continue
    sizes = len(exported.model), len(gzip.compress(exported.model, 6))
    lines.append(f'| {layout} | {precision} | {"yes" if exported.encoded else "no"} | ' +
                 ' | '.join(f'{size / 1e6:.2f}' for size in sizes) + ' |')
  masked = 'convolutions and dense layers' if FLAGS.mask_dense else 'convolutions'
  text = f'{FLAGS.model}, density {FLAGS.density} of the {masked}, made by {_SIGN}\n\n' + '\n'.join(lines) + '\n'
  with output_files.new_file(output, _SIGN.encode()) as path:
    path.write_text(text)
  sys.stdout.write(text)


if __name__ == '__main__':
  FLAGS.set_default('out', 'docs/edge/sizes.md')
  app.run(user_errors.in_one_line(main))
