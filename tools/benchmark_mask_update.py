"""What a mask update costs as networks grow: seconds of one update (drop by magnitude, regrow by gradient) for N weights.

  python tools/benchmark_mask_update.py

One layer of N weights is the worst case: layers are ranked one by one. 'over all layers' ranks eight of them together, as
SDST and ADAPT do. Quoted are medians; 'growth' is the seconds' ratio to the row above, beside that of the weights.
"""

import sys
import time

from absl import app
from absl import flags
import numpy as np
import tensorflow as tf
import user_errors

from tf_stugan.sparsity import dynamic_sparse
from tf_stugan.sparsity import masks
from tf_stugan.sparsity import schedules

FLAGS = flags.FLAGS
flags.DEFINE_multi_float('millions', [1, 4, 16, 70], 'Weights, in millions.')
flags.DEFINE_integer('rounds', 5, 'Measurements of each.')


def seconds_of_updates(weights: int, layers: int) -> float:
  """Returns the median seconds of one update of `layers` equal layers."""
  size = weights // layers
  variables = [masks.MaskedVariable(str(i), tf.Variable(tf.random.stateless_normal([size], [i, 0])),
                                    tf.Variable(tf.ones([size], tf.bool))) for i in range(layers)]
  method = dynamic_sparse.DynamicSparse(0.1, schedules.UpdateSchedule(10**6, 1), across_layers=layers > 1)
  method.initialize(variables, tf.constant([1, 2]))
  masks.apply_masks(variables)
  gradients = [tf.random.stateless_normal([size], [i, 1]) for i in range(layers)]
  step = tf.Variable(1)
  nan = tf.constant(np.nan, tf.float64)
  update = tf.function(lambda: method.update(variables, gradients, step, tf.constant([1, 2]), nan), autograph=False)
  times = []
  for _ in range(FLAGS.rounds + 1):
    start = time.perf_counter()
    update()[0].numpy()
    times.append(time.perf_counter() - start)
  return float(np.median(times[1:]))


def main(_):
  sys.stdout.write('| weights | one layer, s | growth | over all of 8 layers, s | growth |\n|' + ' --- |' * 5 + '\n')
  before = None
  for millions in FLAGS.millions:
    now = (millions, seconds_of_updates(int(millions * 1e6), 1), seconds_of_updates(int(millions * 1e6), 8))
    growth = [f'{b / a:.1f}' for a, b in zip(before, now, strict=True)] if before else ['-'] * 3
    sys.stdout.write(f'| {millions:g} M (x {growth[0]}) | {now[1]:.3f} | {growth[1]} | {now[2]:.3f} | {growth[2]} |\n')
    before = now


if __name__ == '__main__':
  app.run(user_errors.in_one_line(main))
