"""Which form of a convolution with a change of resolution is the quickest, for every shape of layer of an SNGAN.

The forms of `layers/resampling.py` take fewer products than the plain sequence of operations; whether they take less time is
a question to the device. Each form is timed forward and back, in turn with the others; quoted are medians.

  python tools/benchmark_forms.py --json
  python tools/benchmark_forms.py --precision=bfloat16 --json
  ONEDNN_MAX_CPU_ISA=AVX2 python tools/benchmark_forms.py --json    # the products of an older processor

fused: the form that the project computes. plain: upsampling, then the convolution; or the convolution, then pooling.
channels_first: for layers that change no resolution, over NCHW, with the transpositions there and back.
"""

import json
import sys

from absl import app
from absl import flags
import benchmark_step
import numpy as np
import tensorflow as tf
import user_errors

from tf_stugan.layers import resampling

FLAGS = flags.FLAGS
flags.DEFINE_multi_integer('channels', [24, 256], 'Channels in and out.')
flags.DEFINE_multi_integer('resolution', [4, 8, 16, 32], 'Height and width of the map that is read.')
for _name in ('batch', 'rounds', 'precision', 'jit_compile', 'json'):
  flags.declare_key_flag(_name)  # of benchmark_step


def up_plain(x, kernel):
  """Upsamples, then convolves."""
  return resampling.conv(resampling.upsample_nearest(x), kernel)


def up_fused_1x1(x, kernel):
  """Convolves, then upsamples: a 1 x 1 convolution gives the same in either order."""
  return resampling.upsample_nearest(resampling.conv(x, kernel))


def down_plain(x, kernel):
  """Convolves, then pools."""
  return resampling.average_pool(resampling.conv(x, kernel))


def channels_first(x, kernel):
  """Convolves over NCHW, with the transpositions there and back."""
  x = tf.nn.conv2d(tf.transpose(x, [0, 3, 1, 2]), kernel, 1, 'SAME', data_format='NCHW')
  return tf.transpose(x, [0, 2, 3, 1])


# By (kind of layer, size of its kernel): the form that the project takes, and another.
_FORMS = {
    ('up', 3): {'fused': resampling.upsample_conv, 'plain': up_plain},
    ('up', 1): {'fused': up_fused_1x1, 'plain': up_plain},
    ('down', 3): {'fused': resampling.conv_pool, 'plain': down_plain},
    ('down', 1): {'fused': resampling.conv_pool, 'plain': down_plain},
    ('same', 3): {'plain': resampling.conv, 'channels_first': channels_first}}


def time_form(form, shape, kernel_shape):
  """Returns a function that returns the seconds of one computation of a form, with the gradients of both its inputs."""
  x, kernel = tf.cast(tf.random.normal(shape), FLAGS.precision), tf.random.normal(kernel_shape)

  @tf.function(jit_compile=FLAGS.jit_compile or None, autograph=False)
  def run(x, kernel):
    with tf.GradientTape() as tape:
      tape.watch([x, kernel])
      y = tf.cast(form(x, tf.cast(kernel, FLAGS.precision)), tf.float32)
      total = tf.reduce_sum(y * y)
    return tf.add_n([tf.reduce_sum(tf.cast(g, tf.float32)) for g in tape.gradient(total, [x, kernel])])
  return lambda: benchmark_step.seconds(lambda: run(x, kernel))


def compare(kind: str, size: int, resolution: int, channels: int):
  """Returns a row: milliseconds of each form, and the ratio of the first to the second."""
  shape, kernel_shape = [2 * FLAGS.batch, resolution, resolution, channels], [size, size, channels, channels]
  forms = {name: time_form(form, shape, kernel_shape) for name, form in _FORMS[kind, size].items()}
  rounds = np.array([[clock() for clock in forms.values()] for _ in range(FLAGS.rounds + 2)])[2:]  # the first trace
  return {'kind': kind, 'kernel': size, 'resolution': resolution, 'channels': channels,
          'milliseconds': dict(zip(forms, 1e3 * np.median(rounds, axis=0), strict=True)),
          'ratio': np.median(rounds[:, 0] / rounds[:, 1])}


def main(_):
  rows = [compare(*kind, resolution, channels)
          for channels in FLAGS.channels for kind in _FORMS for resolution in FLAGS.resolution]
  sys.stdout.write(json.dumps(rows, default=float, indent=None if FLAGS.json else 1) + '\n')


if __name__ == '__main__':
  app.run(user_errors.in_one_line(main))
