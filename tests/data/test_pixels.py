"""Odd image files, each written by the test."""

import os
import struct
import zlib

import numpy as np
from PIL import Image
import pytest
import tensorflow as tf

from tf_stugan.data import pixels

GRADIENT = np.linspace(0, 255, 12 * 16 * 3).reshape(12, 16, 3).astype(np.uint8)


def saved(folder, name, array, **options):
  path = folder / name
  Image.fromarray(array).save(path, **options)
  return str(path)


def test_colour_and_grey_are_read_as_asked_for(tmp_path):
  path = saved(tmp_path, 'a.png', GRADIENT)
  decoded = pixels.decode(path, 3)
  np.testing.assert_array_equal(decoded.image, GRADIENT)
  assert (decoded.size, decoded.remarks) == ((12, 16), [])
  assert pixels.decode(path, 1).image.shape == (12, 16, 1)
  grey = pixels.decode(saved(tmp_path, 'g.png', GRADIENT[:, :, 0]), 3)
  assert grey.remarks == ['L to RGB'] and (grey.image == GRADIENT[:, :, :1]).all()


def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path):
  values = np.arange(144, dtype=np.uint16).reshape(12, 12) * 450
  decoded = pixels.decode(saved(tmp_path, 'a.png', values), 1)
  np.testing.assert_array_equal(decoded.image[:, :, 0], np.round(values / 257))
  assert decoded.remarks == ['16 bits to 8']


@pytest.mark.parametrize('channels', [2, 3, 4])
def test_the_upper_bits_of_sixteen_in_colour_are_listed(channels, tmp_path):
  """Pillow cannot give more of them."""
  deep = np.full([12, 12, channels], 0x01ff, np.uint16)
  if channels != 3:
    deep[:, :, -1] = 65535
  (tmp_path / 'a.png').write_bytes(tf.io.encode_png(deep).numpy())
  decoded = pixels.decode(str(tmp_path / 'a.png'), 3)
  assert (decoded.image == 1).all()
  assert decoded.remarks == ['upper 8 of 16 bits', *(['transparency put on white'] if channels != 3 else [])]


def test_transparency_becomes_white(tmp_path):
  rgba = np.zeros([12, 12, 4], np.uint8)
  rgba[:6] = 255, 0, 0, 255
  decoded = pixels.decode(saved(tmp_path, 'a.png', rgba), 3)
  assert decoded.image[0, 0].tolist() == [255, 0, 0] and decoded.image[-1, 0].tolist() == [255, 255, 255]
  assert decoded.remarks == ['transparency put on white']


def test_cmyk(tmp_path):
  path = tmp_path / 'a.jpg'
  Image.fromarray(np.full([16, 16, 3], 200, np.uint8)).convert('CMYK').save(path, quality=95)
  decoded = pixels.decode(str(path), 3)
  assert abs(decoded.image.astype(int) - 200).max() <= 4
  assert decoded.remarks == ['CMYK to RGB']


def test_of_an_animation_the_first_frame(tmp_path):
  frames = [Image.new('RGB', (16, 16), colour) for colour in ('red', 'blue')]
  frames[0].save(tmp_path / 'a.gif', save_all=True, append_images=frames[1:])
  decoded = pixels.decode(str(tmp_path / 'a.gif'), 3)
  assert decoded.image[0, 0].tolist() == [255, 0, 0]
  assert 'first frame of an animation' in decoded.remarks


def test_the_orientation_of_a_camera_is_followed(tmp_path):
  exif = Image.Exif()
  exif[0x0112] = 6  # turn by 90 degrees to the right
  decoded = pixels.decode(saved(tmp_path, 'a.png', GRADIENT, exif=exif), 3)
  np.testing.assert_array_equal(decoded.image, np.rot90(GRADIENT, -1))


def test_a_wrong_suffix_does_not_matter_and_a_wrong_content_does(tmp_path):
  os.rename(saved(tmp_path, 'a.png', GRADIENT), tmp_path / 'a.jpg')
  np.testing.assert_array_equal(pixels.decode(str(tmp_path / 'a.jpg'), 3).image, GRADIENT)
  (tmp_path / 'b.jpg').write_text('%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n')
  with pytest.raises(pixels.BadImageError, match='not an image'):  # and not given to Ghostscript
    pixels.decode(str(tmp_path / 'b.jpg'), 3)


def png_header(width, height):
  """A PNG that claims a size and has few pixels."""
  def chunk(kind, content):
    return struct.pack('>I', len(content)) + kind + content + struct.pack('>I', zlib.crc32(kind + content))
  header = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
  return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'IDAT', zlib.compress(bytes(20)))


@pytest.mark.parametrize('content, reason', [
    (b'', 'empty'),
    (b'<html>404</html>', 'not an image'),
    (png_header(32, 32), 'truncated or damaged'),
    (png_header(9000, 9000), 'absurd'),
    (png_header(2**31 - 1, 2**31 - 1), 'absurd'),
    (png_header(1, 1), 'smaller than 8'),
], ids=['empty', 'web page', 'few pixels', '9000', '2^31', '1x1'])
def test_what_cannot_be_used_says_why(content, reason, tmp_path):
  (tmp_path / 'a.png').write_bytes(content)
  with pytest.raises(pixels.BadImageError, match=reason):
    pixels.decode(str(tmp_path / 'a.png'), 3)


def test_half_a_file_and_a_pipe(tmp_path):
  path = saved(tmp_path, 'a.jpg', np.random.default_rng(0).integers(0, 256, [64, 64, 3], np.uint8))
  os.truncate(path, os.path.getsize(path) // 2)
  with pytest.raises(pixels.BadImageError, match='truncated'):
    pixels.decode(path, 3)
  os.mkfifo(tmp_path / 'b.png')
  with pytest.raises(pixels.BadImageError, match='regular file'):
    pixels.decode(str(tmp_path / 'b.png'), 3)


def test_the_central_square_is_averaged():
  stripes = np.zeros([8, 24, 3], np.uint8)
  stripes[:, 8:16:2] = 255  # black and white columns in the middle, black outside
  stripes[:, :8] = stripes[:, 16:] = 7
  small = pixels.square(stripes, 2)
  assert small.shape == (2, 2, 3)
  assert abs(small.astype(int) - 127).max() < 30  # aliasing would give 0 or 255, the outside 7


def test_a_square_of_the_right_size_stays_as_it_is():
  image = GRADIENT[:, :12]
  assert pixels.square(image, 12) is image


def test_squares_of_grey_images_keep_their_channel():
  assert pixels.square(GRADIENT[:, :, :1], 6).shape == (6, 6, 1)
