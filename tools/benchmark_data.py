"""How many images a second the input pipeline gives, without a network behind it: from memory, and streamed from disk.

Noise is prepared in --folder (and removed again), then batches are drawn as a training run draws them. For 'streamed_cold'
a new process drops the file from the page cache first (Linux); take a set so large that a measurement touches little of it.
'decode' is what preparing costs: JPEG files of --jpeg_size to squares of --resolution.

  python tools/benchmark_data.py --folder=/data
"""

import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from absl import app
from absl import flags
import numpy as np
from PIL import Image
import user_errors

from tf_stugan.data import image_folder
from tf_stugan.data import images
from tf_stugan.data import prepared

FLAGS = flags.FLAGS
flags.DEFINE_integer('resolution', 128, 'Height and width, in pixels.')
flags.DEFINE_integer('images', 60_000, 'Images in the set.')
flags.DEFINE_integer('batch', 64, 'Images a step.')
flags.DEFINE_integer('batches', 100, 'Steps a measurement.')
flags.DEFINE_integer('rounds', 5, 'Measurements of each kind; quoted are median and range.')
flags.DEFINE_list('jpeg_size', ['500', '375'], 'Width and height of the files to decode.')
flags.DEFINE_string('folder', None, 'A folder on the disk to measure; one for temporary files if not given.')
flags.DEFINE_string('cold', None, 'Used by the tool itself: the prepared set to measure from a cold page cache.')


def speed(data: images.Images) -> float:
  """Returns images a second, after the first steps."""
  batches = iter(images.batches({'data': data}, {'x': images.Draw(1, FLAGS.batch, ('data',))}, run_seed=os.getpid()))
  for _ in range(10):  # tracing, and what is prefetched
    next(batches)
  start = time.perf_counter()
  for _ in range(FLAGS.batches):
    next(batches)
  return FLAGS.batches * FLAGS.batch / (time.perf_counter() - start)


def cold(folder: pathlib.Path) -> float:
  """Returns images a second of a set of which nothing is in memory. Mapped files stay there: it takes a new process."""
  with open(folder / 'images.bin', 'rb') as file:
    os.fsync(file.fileno())
    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
  return speed(prepared.load(folder))


def decode(folder: pathlib.Path) -> float:
  """Returns how many JPEG files a second are decoded and resized."""
  folder.mkdir(exist_ok=True)
  noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, [12, 16, 3], np.uint8))
  noise.resize(tuple(map(int, FLAGS.jpeg_size))).save(content := io.BytesIO(), 'JPEG', quality=90)
  for i in range(400):
    (folder / f'{i}.jpg').write_bytes(content.getvalue())
  start = time.perf_counter()
  return len(image_folder.ImageFolder(str(folder), FLAGS.resolution).load(str(folder))) / (time.perf_counter() - start)


def main(_):
  if FLAGS.cold:
    sys.stdout.write(f'{cold(pathlib.Path(FLAGS.cold))}\n')
    return
  generator, shape = np.random.default_rng(0), [FLAGS.resolution, FLAGS.resolution, 3]
  noise = ((generator.integers(0, 256, shape, np.uint8), 0) for _ in range(FLAGS.images))
  rounds = range(FLAGS.rounds)
  with tempfile.TemporaryDirectory(dir=FLAGS.folder) as scratch:
    folder = pathlib.Path(scratch, 'set')
    prepared.write(folder, noise, FLAGS.images, 'noise', ['all'], '')
    child = [sys.executable, *sys.argv, f'--cold={folder}']
    result = {'streamed_cold': [
        float(subprocess.run(child, check=True, capture_output=True, text=True).stdout) for _ in rounds]}
    streamed = prepared.load(folder)
    in_memory = images.Images('noise', np.array(streamed.images[:10_000]), streamed.labels[:10_000], 1)
    result['memory'], result['streamed'] = zip(*[(speed(in_memory), speed(streamed)) for _ in rounds], strict=True)
    result['decode'] = [decode(pathlib.Path(scratch, 'files')) for _ in rounds]
  quoted = {name: [round(np.median(v)), [round(min(v)), round(max(v))]] for name, v in result.items()}
  sys.stdout.write(json.dumps({'images_per_second': quoted, 'gigabytes': FLAGS.images * np.prod(shape) / 1e9}) + '\n')


if __name__ == '__main__':
  app.run(user_errors.in_one_line(main))
