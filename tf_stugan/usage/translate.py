"""Translate your own pictures with a trained CycleGAN: every image file of a folder, into PNGs of another folder.

Of each picture the central square is resized to what the translator was trained on; with --size=own it keeps its size: the
translator goes over all of it at once, and only its borders are mirrored up to a multiple of four pixels.
A translation has the name of its picture; where two of them differ in their endings alone, all keep these (a.jpg.png).

Examples:
  tf-stugan translate --workdir=runs/horse2zebra --input=~/pictures/horses --output=zebras --to=b
  tf-stugan translate --workdir=runs/horse2zebra --input=~/zebras --output=horses --to=a --size=own --checkpoint=best
"""

import pathlib

from absl import flags

from tf_stugan import errors
from tf_stugan.usage import common


def define_flags(values: flags.FlagValues) -> None:
  common.define_trained_flags(values)
  common.define_path('input', None, 'Folder of pictures, at any depth.', values, required=True)
  common.define_path('output', None, 'Folder for the translations; made if it is not there.', values, required=True)
  flags.DEFINE_string('to', None, 'Domain to translate to: a or b.', flag_values=values, required=True)
  flags.DEFINE_enum(
      'size', 'trained', ['trained', 'own'], 'Of what comes out: that of training, or that of each picture.',
      flag_values=values)


def check(values: flags.FlagValues) -> None:
  folders = [pathlib.Path(path) for path in (values.input, values.output)]
  if not folders[0].is_dir():
    raise errors.UserError(f'--input={values.input} is no folder.')
  if folders[0].resolve() == folders[1].resolve():
    raise errors.UserError('--output is --input: choose another folder for the translations.')
  common.check_run(values)
