"""From pixels to a picture: many images in one, and files that say what they show."""

from collections.abc import Mapping

import numpy as np
from PIL import Image
from PIL import PngImagePlugin


def to_pillow(image: np.ndarray) -> Image.Image:
  """Makes a Pillow image, grey or RGB, of uint8 [H, W, 1 or 3]."""
  return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def make_grid(images: np.ndarray, columns: int | None = None, margin: int = 1) -> np.ndarray:
  """Puts many images into one: uint8 [N, H, W, C] -> [rows * (H + 2 margin), columns * (W + 2 margin), C].

  Nearly square where `columns` is not given; margins and empty places are black.
  """
  images = np.pad(images, [(0, 0), (margin, margin), (margin, margin), (0, 0)])
  n, h, w, c = images.shape
  columns = columns or int(np.ceil(np.sqrt(n)))
  rows = -(-n // columns)
  padded = np.zeros([rows * columns, h, w, c], np.uint8)
  padded[:n] = images
  return padded.reshape(rows, columns, h, w, c).transpose(0, 2, 1, 3, 4).reshape(rows * h, columns * w, c)


def save_png(image: np.ndarray, path, text: Mapping[str, object]) -> None:
  """Writes a uint8 image [H, W, 1 or 3] to a path or a file, and text chunks that say what it shows; those of None are left
  out."""
  chunks = PngImagePlugin.PngInfo()
  for key, value in text.items():
    if value is not None:
      chunks.add_text(key, str(value))
  to_pillow(image).save(path, 'PNG', pnginfo=chunks)
