"""What `tf-stugan translate` does."""

import logging
import pathlib
import sys

from absl import flags
import numpy as np

from tf_stugan import errors
from tf_stugan import output_files
from tf_stugan.commands import common
from tf_stugan.data import image_files
from tf_stugan.data import images as images_lib
from tf_stugan.data import pictures
from tf_stugan.data import pixels

_LOG = logging.getLogger(__name__)

_COMMAND = 'tf-stugan translate'  # as the manifest of the folder has it
_MULTIPLE = 4  # pixels; what the sides of a translator's input are multiples of


def run(values: flags.FlagValues) -> None:
  source, target = pathlib.Path(values.input), pathlib.Path(values.output)
  names, _ = image_files.find(str(source))
  if not names:
    raise errors.DataError(f'--input={values.input} holds no image file.')
  new_names = _name_translations(names)
  output_files.check_files(target, map(str, new_names), _COMMAND)
  _, trainer = common.restore_trainer(values)
  output = _choose(trainer.gan, values.to)
  shape = trainer.image_shapes[output.source]
  done = 0
  with output_files.new_files(target, _COMMAND) as folder:
    for name, new_name in zip(names, new_names, strict=True):
      try:
        picture = pixels.decode(str(source / name), shape[2]).image
      except pixels.BadImageError as error:
        _LOG.warning('Left out: %s (%s)', source / name, error)
        continue
      _write(_translate(output, picture, shape, values.size), folder / new_name)
      done += 1
    if not done:
      raise errors.DataError(f'--input={values.input} holds no picture that can be read; nothing was written.')
  how = 'each at its own size' if values.size == 'own' else f'their central squares at {shape[0]} x {shape[1]} pixels'
  sys.stdout.write(f'{target}/: {done} of {len(names)} pictures, {how}\n')


def _choose(gan, domain):
  found = {output.domain: output for output in gan.outputs.values() if output.source}
  if not found:
    raise errors.UserError('This run makes images from noise; tf-stugan sample shows them.')
  if domain not in found:
    raise errors.UserError(f'--to={domain}: this run translates to {" or ".join(found)}.')
  return found[domain]


def _name_translations(names):
  """Names a PNG for each picture: as the picture or, where a.jpg and a.png would be one, with both endings."""
  short = [pathlib.PurePath(name).with_suffix('.png') for name in names]
  return short if len(set(short)) == len(names) else [f'{name}.png' for name in names]


def _translate(output, picture, shape, size):
  """Translates uint8 [H, W, C] to uint8, of the shape of training or the picture's own."""
  if size == 'trained':
    return _make(output, pixels.square(picture, shape[0]))
  height, width, _ = picture.shape
  more = [(0, -height % _MULTIPLE), (0, -width % _MULTIPLE), (0, 0)]
  return _make(output, np.pad(picture, more, 'reflect'))[:height, :width]


def _make(output, picture):
  images = images_lib.to_float(picture[None])
  return images_lib.to_uint8(output.network(images, training=False).numpy())[0]


def _write(image, path):
  path.parent.mkdir(parents=True, exist_ok=True)
  pictures.to_pillow(image).save(path)
