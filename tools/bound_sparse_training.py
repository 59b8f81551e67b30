"""How much faster a training step could become if it skipped the products with pruned weights of the generator: a count.

  python tools/bound_sparse_training.py --json

Counts the products of a step of SNGAN-32 (a generator update and --discriminator_updates of the discriminator), and which of
them a mask of the generator touches. If masked products became s times as fast and all else stayed, a step would gain
1 / (1 - share + share / s) (Amdahl's law); time is taken to be where the products are.

all: convolutions of the generator, their gradients with respect to maps and to kernels.
dense_gradient: gradients with respect to kernels stay dense, as Adam's moments of pruned weights ask for.
limit: with s without bound. needed: the s for which a whole step gains --gain.
"""

import collections
import json
import sys

from absl import app
from absl import flags
import benchmark_step
import count_products
import tensorflow as tf

FLAGS = flags.FLAGS
flags.DEFINE_integer('discriminator_updates', 5, 'Updates of the discriminator a step.')
flags.DEFINE_float('gain', 1.3, 'What a whole step should gain.')
for _name in ('generator_width', 'discriminator_width', 'batch', 'json'):
  flags.declare_key_flag(_name)  # of benchmark_step


def bound(masked: float) -> dict[str, float]:
  """Returns the share, the limit, and the speed-up of masked products that --gain needs (infinite: none is enough)."""
  left = 1 / FLAGS.gain - (1 - masked)
  return {'share': masked, 'limit': 1 / (1 - masked), 'needed': masked / left if left > 0 else float('inf')}


def main(_):
  trainer, _ = benchmark_step.make_trainer('stugan')
  discriminator, generator = benchmark_step.updates(trainer)
  counts = count_products.count(generator)
  for _ in range(FLAGS.discriminator_updates):
    counts += count_products.count(discriminator, tf.zeros([FLAGS.batch, 32, 32, 3]))
  of_generator = collections.Counter()
  for (operation, kernel), count in counts.items():
    of_generator[operation] += count * (FLAGS.generator_width in kernel[2:])
  total, masked = counts.total(), of_generator.total()
  sys.stdout.write(json.dumps({
      'products': total, 'all': bound(masked / total),
      'dense_gradient': bound((masked - of_generator['Conv2DBackpropFilter']) / total)},
      indent=None if FLAGS.json else 1) + '\n')


if __name__ == '__main__':
  app.run(main)
