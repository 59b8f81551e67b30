"""How fast a step of CycleGAN is, against plain Keras, and where its time goes.

Both steps run in turn in one process, so that the machine's moods hit them alike; quoted are medians of ratios of
neighbours, with their range.

  python tools/benchmark_cycle_gan.py --json
  python tools/benchmark_cycle_gan.py --precision=bfloat16 --json      # the plain step stays in float32

step_vs_plain: a masked step (STU-GAN, no update of masks) against that of tools/plain_cycle_gan.py, over --steps steps in a
  row; ours read their images, resized and cropped, beside it.
layers: milliseconds, forward and back, of every kind of layer of a translator by itself, for one image; times its number.
"""

import json
import sys

from absl import app
from absl import flags
import benchmark_step
import numpy as np
import plain_cycle_gan
import tensorflow as tf
import user_errors

from tf_stugan import configuration
from tf_stugan.compat import keras

FLAGS = flags.FLAGS
flags.DEFINE_integer('resolution', 128, 'Pixels.')
flags.DEFINE_integer('num_blocks', 6, 'Residual blocks of a translator; 6 at 128 pixels in the original code, 9 at 256.')
for _name in ('steps', 'rounds', 'precision', 'json'):
  flags.declare_key_flag(_name)  # of benchmark_step


def make_trainer():
  """Returns a built trainer of a masked CycleGAN of the published widths, and noise to train it on."""
  bindings = {
      'NUM_STEPS': 10**9, 'IMAGE_RESOLUTION': FLAGS.resolution, 'RESIZE': FLAGS.resolution, 'CROP': FLAGS.resolution,
      'NUM_BLOCKS': FLAGS.num_blocks, 'GENERATOR_WIDTH': 64, 'DISCRIMINATOR_WIDTH': 64, 'BATCH': 1,
      'BALANCE_INTERVAL': 10**9, 'UPDATE_INTERVAL': 10**9, 'PRECISION': repr(FLAGS.precision)}
  files = [configuration.find(f) for f in ('cyclegan_horse2zebra_stugan.gin', 'runs/tiny_cycle_gan.gin')]
  configuration.load(files, [f'{name} = {value}' for name, value in bindings.items()])
  experiment = configuration.make_experiment()
  trainer = experiment.make_trainer()
  return trainer, experiment.build(trainer)


def against_plain():
  """Returns (ratios of time [rounds], median seconds of ours and of the plain step)."""
  trainer, data = make_trainer()
  plain = plain_cycle_gan.step(64, 64, FLAGS.num_blocks, FLAGS.resolution)
  a, b = (tf.random.uniform([1, FLAGS.resolution, FLAGS.resolution, 3], -1, 1) for _ in range(2))

  def advance_plain():
    return [plain(a, b) for _ in range(FLAGS.steps)][-1]
  times = np.array([[benchmark_step.advance(trainer, data, FLAGS.steps), benchmark_step.seconds(advance_plain) / FLAGS.steps]
                    for _ in range(FLAGS.rounds + 2)])[2:]  # without the tracing ones
  return times[:, 0] / times[:, 1], np.median(times, axis=0)


def layer_times(translator):
  """Returns {kind of layer: (how many, milliseconds of one, forward and back)} of a translator."""
  r, width = FLAGS.resolution, 64
  shapes = {'stem, 7 x 7': (translator.down[0], 1, (r, 3)), 'down1': (translator.down[1], 1, (r, width)),
            'down2': (translator.down[2], 1, (r // 2, 2 * width)),
            'conv of a block': (translator.blocks[0].conv1, 2 * FLAGS.num_blocks, (r // 4, 4 * width)),
            'up1, transposed': (translator.up[0], 1, (r // 4, 4 * width)),
            'up2, transposed': (translator.up[1], 1, (r // 2, 2 * width)),
            'to_rgb, 7 x 7': (translator.to_rgb, 1, (r, width)),
            'norm at full size': (translator.down_norms[0], 2, (r, width)),
            'norm at a half': (translator.down_norms[1], 2, (r // 2, 2 * width)),
            'norm of a block': (translator.blocks[0].norm1, 2 * FLAGS.num_blocks + 1, (r // 4, 4 * width))}
  return {name: (count, _milliseconds(layer, [1, size, size, channels]))
          for name, (layer, count, (size, channels)) in shapes.items()}


def _milliseconds(layer, shape):
  x = tf.random.normal(shape)

  @tf.function
  def run():
    with tf.GradientTape() as tape:
      tape.watch(x)
      total = tf.reduce_sum(layer(x, training=True)**2)
    gradients = tape.gradient(total, [x, *layer.trainable_variables], unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return tf.add_n([tf.reduce_sum(g) for g in gradients])
  return 1e3 * np.median([benchmark_step.seconds(run) for _ in range(FLAGS.rounds + 2)][2:])


def main(_):
  ratios, medians = against_plain()
  keras.backend.clear_session()
  trainer, _ = make_trainer()
  layers = layer_times(trainer.gan.a_to_b)
  total = sum(count * ms for count, ms in layers.values())
  sys.stdout.write(json.dumps({
      'step_vs_plain': np.median(ratios), 'step_vs_plain_range': [ratios.min(), ratios.max()],
      'step_seconds': dict(zip(('masked', 'plain'), medians, strict=True)),
      'layers': {name: {'count': count, 'milliseconds': ms, 'share': count * ms / total}
                 for name, (count, ms) in layers.items()},
  }, default=float, indent=None if FLAGS.json else 1) + '\n')


if __name__ == '__main__':
  app.run(user_errors.in_one_line(main))
