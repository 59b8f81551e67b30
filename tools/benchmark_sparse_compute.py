"""Could a CPU train faster with kernels that skip the pruned weights? One convolution of SNGAN's generator, several ways.

  python tools/benchmark_sparse_compute.py --json

Compared with TensorFlow's dense convolution (oneDNN): a product of the sparse kernel matrix, [9 C_in, C_out] transposed,
with the patches of the image, by `tf.sparse` and by TensorFlow's CSR kernels; and the dense convolution compiled by XLA.
The patches are cut out beforehand and their making is *not* timed, which favours the sparse ways. Forward only: the
gradient with respect to the kernel has to be dense wherever regrowth ranks it. Quoted are medians of ratios to the dense
convolution of the same round; below 1 is faster.
"""

import json
import sys
import time

from absl import app
from absl import flags
import numpy as np
import tensorflow as tf

FLAGS = flags.FLAGS
flags.DEFINE_integer('channels', 256, 'Channels in and out.')
flags.DEFINE_integer('batch', 16, 'Images.')
flags.DEFINE_multi_integer('resolution', [8, 16, 32], 'Height and width of the map.')
flags.DEFINE_multi_float('density', [0.024, 0.05, 0.1, 0.2], 'Share of weights kept.')
flags.DEFINE_integer('rounds', 7, 'Measurements of each way.')
flags.DEFINE_bool('json', False, 'Print one JSON object.')


def ways(resolution: int, density: float):
  """Returns {name: function that computes the layer}, all on the same numbers; they are checked against one another."""
  c = FLAGS.channels
  rng = np.random.default_rng(1)
  kernel = rng.normal(size=[9 * c, c]).astype(np.float32) * (rng.random([9 * c, c]) < density)
  x = tf.constant(rng.normal(size=[FLAGS.batch, resolution, resolution, c]).astype(np.float32))
  square = tf.constant(kernel.reshape([3, 3, c, c]))
  patches = tf.image.extract_patches(x, [1, 3, 3, 1], [1, 1, 1, 1], [1, 1, 1, 1], 'SAME')
  columns = tf.transpose(tf.reshape(patches, [-1, 9 * c]))  # [9 C, positions]
  matrix = tf.constant(np.ascontiguousarray(kernel.T))
  coordinates = tf.sparse.from_dense(matrix)
  rows = tf.raw_ops.DenseToCSRSparseMatrix(dense_input=matrix, indices=tf.where(matrix != 0))

  def convolve(x, k):
    return tf.nn.conv2d(x, k, 1, 'SAME')

  plain, compiled = tf.function(convolve), tf.function(convolve, jit_compile=True)
  result = {
      'oneDNN dense': lambda: plain(x, square),
      'XLA dense': lambda: compiled(x, square),
      'tf.sparse': lambda: tf.sparse.sparse_dense_matmul(coordinates, columns),
      'CSR': lambda: tf.raw_ops.SparseMatrixMatMul(a=rows, b=columns)}
  expected = tf.transpose(tf.reshape(plain(x, square), [-1, c]))
  for name in ('tf.sparse', 'CSR'):
    np.testing.assert_allclose(result[name](), expected, atol=1e-2)
  return result


def seconds(call) -> float:
  """Returns the seconds of one call that returns a tensor."""
  start = time.perf_counter()
  call().numpy()
  return time.perf_counter() - start


def main(_):
  table = []
  for resolution in FLAGS.resolution:
    for density in FLAGS.density:
      calls = ways(resolution, density)
      times = np.array([[seconds(call) for call in calls.values()] for _ in range(FLAGS.rounds + 1)])[1:]
      ratios = np.median(times / times[:, :1], axis=0)
      table.append({'resolution': resolution, 'density': density, 'dense_ms': 1e3 * np.median(times[:, 0]),
                    **dict(zip(calls, ratios, strict=True))})
  if FLAGS.json:
    sys.stdout.write(json.dumps(table, default=float) + '\n')
    return
  names = [name for name in table[0] if name not in ('resolution', 'density', 'dense_ms', 'oneDNN dense')]
  sys.stdout.write(f'| map | density | dense, ms | {" | ".join(names)} |\n|{" --- |" * (3 + len(names))}\n')
  for row in table:
    cells = [f'{row["resolution"]}x{row["resolution"]}', f'{row["density"]:g}', f'{row["dense_ms"]:.1f}']
    sys.stdout.write(f'| {" | ".join([*cells, *(f"{row[name]:.2f}" for name in names)])} |\n')


if __name__ == '__main__':
  app.run(main)
