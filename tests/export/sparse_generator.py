"""A built SNGAN generator with random masks, for tests of the export."""

import tensorflow as tf

from tf_stugan.models import sngan
from tf_stugan.sparsity.masks import apply_masks
from tf_stugan.sparsity.static_sparse import StaticSparse
from tf_stugan.training import layer_choice


def make(width=16, density=0.1, image_channels=3):
  """With running statistics and biases other than the initial ones."""
  result = sngan.Generator(width, 16, image_channels)
  result(tf.random.stateless_normal([16, 16], [1, 2]), training=True)
  for i, variable in enumerate(result.variables):
    if variable.shape.rank == 1 and 'variance' not in variable.name:
      variable.assign_add(tf.random.stateless_normal(variable.shape, [3, i], stddev=0.1))
  if density < 1:
    masked = layer_choice.conv_only(result)
    StaticSparse(density).initialize(masked, tf.constant([1, 2]))
    apply_masks(masked)
  return result
