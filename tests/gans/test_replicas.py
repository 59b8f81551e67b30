"""Two replicas play the same game as one device: classes, augmentation and penalty are drawn for the whole batch."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from tf_stugan.data.images import Examples
from tf_stugan.gans import diff_augment
from tf_stugan.gans import losses
from tf_stugan.gans import noise_to_image
from tf_stugan.gans import penalties
from tf_stugan.layers import heads
from tf_stugan.layers.style import LayerStyle
from tf_stugan.models import resnet
from tf_stugan.training import strategies

IMAGES = tf.random.stateless_uniform([8, 32, 32, 3], [1, 2], -1, 1)
LABELS = tf.constant([0, 1, 2, 3, 4, 0, 1, 2])


def losses_of(strategy):
  """Losses of both players, their means over the replicas; weights are functions of their names."""
  with strategy.scope():
    gan = noise_to_image.NoiseToImage(
        functools.partial(resnet.Generator, 2, [1, 1, 1, 1], LayerStyle(), 16, num_classes=5),
        functools.partial(resnet.Discriminator, 2, [1, 1, 1, 1], LayerStyle(),
                          functools.partial(heads.AuxiliaryClassifier, num_classes=5)),
        losses.hinge(), 8, 8, 1, diff_augment.DiffAugment(), {'discriminator': [penalties.GradientPenalty()]})
    gan.build()
  for network in (gan.generator, gan.discriminator):
    for i, v in enumerate(network.trainable_variables):
      v.assign(0.2 * tf.random.stateless_normal(v.shape, [i, 0]) + tf.cast('gamma' in v.name, tf.float32))
  replicas = strategy.num_replicas_in_sync
  batches = strategy.experimental_distribute_values_from_function(lambda context: {
      'data': Examples(*(x[context.replica_id_in_sync_group * 8 // replicas:][:8 // replicas] for x in (IMAGES, LABELS)))})

  @tf.function(autograph=False)
  def play(batch):
    def replica(batch):
      return [turn.objective(batch, tf.constant([3, 4]), {}) for turn in gan.turns]
    return strategy.run(replica, args=(batch,))
  return [float(strategy.reduce(tf.distribute.ReduceOp.MEAN, x, axis=None)) for x in tf.nest.flatten(play(batches))]


@pytest.mark.slow
def test_two_replicas_see_what_one_device_sees():
  one = losses_of(tf.distribute.OneDeviceStrategy('CPU:0'))
  two = losses_of(strategies.make('mirrored'))
  assert len(one) == 6 and np.std(one) > 0.1
  assert two == pytest.approx(one, rel=1e-4)
