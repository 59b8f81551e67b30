"""Pack the generator of a run into one file, for somebody else: averaged weights, masks, configuration, scores with their
protocol, cost, samples, and a model card.

It holds no code, and nothing in it is unpickled; every part has its checksum. In a notebook:

  import tf_stugan
  generator = tf_stugan.load_generator('generator.stugan')
  images = generator.sample(range(16))                       # uint8 [16, H, W, C]

With a new name as --output that does not end in .stugan it is a folder with the same parts, as model hubs show them. The
configuration goes along; of folders that it names the last part alone.

--push puts the same parts on the Hugging Face hub, too (pip install 'tf_stugan[hub]'), with the account that `hf auth login`
knows. A new repository is private.

Examples:
  tf-stugan pack --workdir=runs/a
  tf-stugan pack --workdir=runs/a --checkpoint=best --output=flowers.stugan --license=CC-BY-4.0
  tf-stugan pack --workdir=runs/a --output=flowers --license=LICENSE.txt
  tf-stugan pack --workdir=runs/a --push=me/flowers       # then load_generator('hf://me/flowers')
"""

import pathlib

from absl import flags

from tf_stugan import output_files
from tf_stugan.sharing import hub
from tf_stugan.sharing import packed_files
from tf_stugan.usage import common


def define_flags(values: flags.FlagValues) -> None:
  common.define_trained_flags(values)
  common.define_path(
      'output', None, 'FILE.stugan, a folder to make, or one to put it into; generator.stugan in the workdir if not given.',
      values)
  common.define_path(
      'license', 'not stated', 'Under which the weights are given away: a name (CC-BY-4.0), or a text file that goes along.',
      values)
  flags.DEFINE_string(
      'data_license', '', 'What the model card says of the training data: under which licence they are available.',
      flag_values=values)
  flags.DEFINE_string('push', None, 'OWNER/NAME of a repository on the Hugging Face hub to put it into.', flag_values=values)


def check(values: flags.FlagValues) -> None:
  common.check_run(values)
  if values.push:
    hub.check_name(values.push)
  path = output(values)
  if path.suffix != packed_files.SUFFIX:
    output_files.check_folder(path, packed_files.COMMAND)
  else:
    output_files.check_file(path, packed_files.SIGN)


def output(values: flags.FlagValues) -> pathlib.Path:
  """Returns the file or the folder to write."""
  name = f'generator{packed_files.SUFFIX}'
  if not values.output:
    return pathlib.Path(values.workdir, name)
  return output_files.place_folder(values.output, name, packed_files.COMMAND)
