"""Show what a run makes in a browser: a generator with sliders, or a translator for the visitor's own pictures.

The page runs the exported files in the browser itself (LiteRT in WebAssembly, from npm's @litertjs/core). Of a generator it
shows a grid to morph through, has the plain and the lowered file race with frames per second, compares their images, and
draws the masks. A translator (--which, where there are several) is shown one picture at a time: chosen, dropped or pasted,
cut to its middle and scaled. It does not leave the browser.
Only this machine can reach it, unless --host names an address of it in a network: then everybody there can. Ctrl-C ends it.
--output=FOLDER serves nothing, but writes a folder for any host of files, with a README.txt about headers.

Examples:
  tf-stugan demo --workdir=runs/a
  tf-stugan demo --workdir=runs/horses --which=a_to_b
  tf-stugan demo --workdir=runs/a --port=8000 --runtime=~/litert/node_modules
  tf-stugan demo --workdir=runs/a --host=192.168.1.20        # for a phone in the same network
  tf-stugan demo --workdir=runs/a --output=page              # to upload
"""

import pathlib

from absl import flags

from tf_stugan import output_files
from tf_stugan.usage import common

COMMAND = 'tf-stugan demo'  # as the manifest of the folder has it


def define_flags(values: flags.FlagValues) -> None:
  common.define_trained_flags(values)
  common.define_output_flag(values)
  flags.DEFINE_string(
      'host', '127.0.0.1', 'Name or address of this machine at which the page is; 0.0.0.0 for all it has.',
      flag_values=values)
  flags.DEFINE_integer('port', 0, 'Port; 0 takes a free one.', lower_bound=0, upper_bound=65535, flag_values=values)
  flags.DEFINE_integer(
      'num_seeds', 100, 'Seeds to choose from on the page of a generator.', lower_bound=10, flag_values=values)
  common.define_path(
      'runtime', None, "npm's node_modules with @litertjs/core; web/node_modules if not given.", values)
  common.define_path('output', None, 'Folder to write, for a host of files; nothing is served then.', values)


def check(values: flags.FlagValues) -> None:
  common.check_run(values)
  if values.output:
    output_files.check_folder(output(values), COMMAND)


def output(values: flags.FlagValues) -> pathlib.Path:
  """Returns the folder to write."""
  return output_files.place_folder(values.output, 'page', COMMAND)
