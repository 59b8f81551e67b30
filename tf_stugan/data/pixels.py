"""From a file to the pixels that are trained on: decoding with care, and one rule for bringing images to one size.

The rule: the central square, resized with Pillow's bilinear filter, which averages over all source pixels that an output
pixel covers (antialiased). That is what the reference code of SNGAN, BigGAN and ADAPT trains on.
"""

import os
import re
from typing import NamedTuple

import numpy as np
from PIL import Image
from PIL import ImageOps

from tf_stugan.data import pictures

# Pillow goes by content, not by suffix, and some of its readers are programs (EPS starts Ghostscript): name those wanted.
_FORMATS = ('BMP', 'GIF', 'JPEG', 'PNG', 'PPM', 'TIFF', 'WEBP')
SUFFIXES = ('.bmp', '.gif', '.jpe', '.jpeg', '.jpg', '.pbm', '.pgm', '.png', '.pnm', '.ppm', '.tif', '.tiff', '.webp')
_MOST_PIXELS = 2**26  # 8192 x 8192; a header may claim any number, and decoding would take the memory for it
_LEAST_SIDE = 8  # pixels; less is a tracking pixel or a placeholder, and no image to learn


class BadImageError(Exception):
  """An image that cannot be used. The message says why in a few words that are the same for all of its kind."""


class Decoded(NamedTuple):
  """An image that was read.

  Attributes:
    image: uint8 [H, W, C].
    size: (height, width) in the file.
    remarks: what had to be converted, in words that are the same for all of its kind.
  """

  image: np.ndarray
  size: tuple[int, int]
  remarks: list[str]


def square_rule(resolution: int) -> str:
  """Says the rule in words, for names of data sets and so for protocols of scores."""
  return f'central square at {resolution} px, antialiased bilinear'


def square(image: np.ndarray, resolution: int) -> np.ndarray:
  """Cuts and resizes uint8 [H, W, C] to uint8 [resolution, resolution, C]: the central square. C is 1 or 3."""
  height, width, channels = image.shape
  if (height, width) == (resolution, resolution):
    return image
  side = min(height, width)
  left, top = (width - side) / 2, (height - side) / 2
  resized = pictures.to_pillow(image).resize(
      (resolution, resolution), Image.Resampling.BILINEAR, box=(left, top, left + side, top + side))
  return np.asarray(resized).reshape(resolution, resolution, channels)


def decode(path: str, channels: int) -> Decoded:
  """Reads an image file of any kind as 8-bit grey (1 channel) or RGB (3).

  Turned as its EXIF orientation says; transparent pixels are put on white; of an animation the first frame; 16 bits are
  scaled to 8, but of PNG and TIFF with colour or transparency Pillow gives the upper 8.

  Raises:
    BadImageError: it is empty, not an image, damaged, too small, or claims to be too large.
  """
  try:
    if not os.path.isfile(path):
      raise BadImageError('not a regular file')  # reading a pipe would wait for ever
    if not os.path.getsize(path):
      raise BadImageError('empty')
    with Image.open(path, formats=_FORMATS) as picture:
      return _read(picture, channels)
  except BadImageError:
    raise
  except PermissionError as error:
    raise BadImageError('not readable') from error
  except Image.UnidentifiedImageError as error:
    raise BadImageError('not an image of a known format') from error
  except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
    raise BadImageError('claims an absurd size') from error
  except Exception as error:  # pylint: disable=broad-except  (each format's reader fails in its own ways)
    raise BadImageError('truncated or damaged') from error


def _read(picture, channels):
  width, height = picture.size
  if width * height > _MOST_PIXELS:
    raise BadImageError('claims an absurd size')
  if min(width, height) < _LEAST_SIDE:
    raise BadImageError(f'smaller than {_LEAST_SIDE} pixels')
  remarks = ['first frame of an animation'] if getattr(picture, 'is_animated', False) else []
  # Only before it is loaded can one tell that Pillow will cut it: 'RGB;16B' is the form in the file, 'RGB' what comes out.
  if not picture.mode.startswith('I') and re.search(';16[BLN]', str(picture.tile[:1])):
    remarks.append('upper 8 of 16 bits')
  picture.load()
  if picture.getexif().get(0x0112, 1) != 1:
    remarks.append('turned as its EXIF orientation says')
    picture = ImageOps.exif_transpose(picture)
  mode = 'RGB' if channels == 3 else 'L'
  picture = _flat(_eight_bits(picture, remarks), remarks)
  if picture.mode != mode:
    remarks.append(f'{picture.mode} to {mode}')
    picture = picture.convert(mode)
  return Decoded(np.asarray(picture).reshape(picture.height, picture.width, channels), (height, width), remarks)


def _eight_bits(picture, remarks):
  """Scales 16-bit grey, which Pillow would clip at 255 where it converts it."""
  if picture.mode == 'I' and picture.format == 'TIFF':  # by its values alone it cannot be told what white is
    raise BadImageError('32-bit integers')
  if picture.mode == 'F':
    raise BadImageError('floating-point pixels')
  if not picture.mode.startswith('I'):
    return picture
  values = np.asarray(picture).astype(np.int64)
  if values.min() < 0 or values.max() > 65535:
    raise BadImageError('more than 16 bits')
  remarks.append('16 bits to 8')
  return Image.fromarray(np.round(values / 257).astype(np.uint8))


def _flat(picture, remarks):
  """Removes transparency."""
  if not picture.has_transparency_data:
    return picture
  remarks.append('transparency put on white')
  coloured = picture.convert('RGBA')
  return Image.alpha_composite(Image.new('RGBA', coloured.size, 'white'), coloured).convert('RGB')
