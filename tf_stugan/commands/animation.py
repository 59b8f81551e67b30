"""Images one after the other: a GIF, or a video."""

from collections.abc import Mapping, Sequence
import pathlib

import numpy as np

from tf_stugan.data import pictures

_QUALITY = 9  # of 10: pictures of few pixels show every artefact


def write(frames: Sequence[np.ndarray], path: pathlib.Path, fps: int, text: Mapping[str, object]) -> None:
  """Writes frames, uint8 [H, W, 1 or 3], as what the ending of the path says: .gif, which goes on for ever, or .mp4.

  Args:
    frames: all of one size.
    path: of the file.
    fps: frames a second.
    text: what a comment in the file says; what is None is left out.
  """
  comment = ', '.join(f'{key}: {value}' for key, value in text.items() if value is not None)
  (_write_gif if path.suffix.lower() == '.gif' else _write_mp4)(frames, path, fps, comment)


def _write_gif(frames, path, fps, comment):
  first, *others = map(pictures.to_pillow, frames)
  first.save(path, 'GIF', save_all=True, append_images=others, duration=round(1000 / fps), loop=0, comment=comment)


def _write_mp4(frames, path, fps, comment):
  """Writes H.264, which has half the resolution in colour: sides are even, by a black row or column more."""
  import imageio_ffmpeg  # pylint: disable=g-import-not-at-top  (an extra; usage/sample.py looks for it)
  height, width = frames[0].shape[:2]
  writer = imageio_ffmpeg.write_frames(
      str(path), (width + width % 2, height + height % 2), fps=fps, quality=_QUALITY, macro_block_size=1,
      output_params=['-metadata', f'comment={comment}'])
  writer.send(None)
  for frame in frames:
    padded = np.pad(frame, [(0, height % 2), (0, width % 2), (0, 0)])
    writer.send(np.ascontiguousarray(np.broadcast_to(padded, [*padded.shape[:2], 3])))
  writer.close()
