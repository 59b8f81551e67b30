"""What `tf-stugan pack` does."""

import pathlib
import sys

from absl import flags
import numpy as np

import tf_stugan
from tf_stugan import errors
from tf_stugan import output_files
from tf_stugan.commands import common
from tf_stugan.sharing import generator
from tf_stugan.sharing import hub
from tf_stugan.sharing import packed_files
from tf_stugan.sharing import packing
from tf_stugan.usage import pack as usage

_COMPARED = 4  # images


def run(values: flags.FlagValues) -> None:
  workdir, trainer = common.restore_trainer(values)
  target = usage.output(values)
  license_file = pathlib.Path(values.license)
  license_name, text = (('in the file LICENSE', license_file.read_bytes()) if license_file.is_file() else
                        (values.license, b''))
  files = packing.collect(workdir, trainer, target.name, license_name, text, values.gin_module, values.data_license)
  _check(files, trainer, values.gin_module)
  if target.suffix == packed_files.SUFFIX:
    with output_files.new_file(target, packed_files.SIGN) as path:
      packed_files.write(path, files)
  else:
    with output_files.new_folder(target, packed_files.COMMAND) as path:
      path.mkdir()
      for name, content in files.items():
        (path / name).write_bytes(content)
  size = sum(map(len, files.values()))
  sys.stdout.write(f'{target}: {size:,} bytes, the {" and ".join(trainer.gan.outputs)} of step {int(trainer.step)}; '
                   'read back, it makes the same images\n')
  if values.push:
    where = hub.push(values.push, files, f'Step {int(trainer.step)}, by tf_stugan {tf_stugan.__version__}')
    sys.stdout.write(f"{where}\n  tf_stugan.load_generator('{hub.SCHEME}{values.push}')\n")


def _check(files, trainer, modules):
  """Raises UserError, and so writes nothing, unless what is packed makes the very images of the run."""
  packed = generator.from_files(files, 'What would be packed', modules)
  for name, output in trainer.gan.outputs.items():
    inputs = output.inputs(np.arange(_COMPARED))
    if not np.array_equal(output.make(inputs), packed.outputs[name].make(inputs)):
      raise errors.UserError(f'The packed {output.player} makes other images than the run; nothing was written.')
