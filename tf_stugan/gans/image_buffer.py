"""A buffer of generated images, from which a discriminator sees old ones, too (Shrivastava et al., 2017, section 2.3)."""

import tensorflow as tf

from tf_stugan import compat
from tf_stugan import rng
from tf_stugan.rng import Seed


class ImageBuffer(tf.Module):
  """Holds `size` images. Until it is full every new image is kept; then one in two takes the place of an old one.

  The images are those of all replicas, and every replica holds all of them, so that the same run on one device or several
  has the same buffer.

  Args:
    size: images; 50 in CycleGAN. 0 hands on every new image.
    swap_probability: that a new image takes the place of an old one, which is then handed on instead.
  """

  def __init__(self, size: int = 50, swap_probability: float = 0.5, name: str | None = None):
    super().__init__(name=name)
    self.size = size
    self.swap_probability = swap_probability

  def build(self, image_shape: tuple[int, int, int]) -> None:
    """Creates the variables, for images [H, W, C]."""
    self.images = tf.Variable(tf.zeros([self.size, *image_shape]), trainable=False, name=f'{self.name}/images')
    self.held = tf.Variable(0, trainable=False, name=f'{self.name}/held')

  def exchange(self, fresh: tf.Tensor, seed: Seed) -> tf.Tensor:
    """Takes in this replica's images float32 [n, H, W, C]; returns as many to show, one after the other."""
    if not self.size:
      return fresh
    everyone = _of_all_replicas(fresh)
    count = everyone.shape[0]
    swap = rng.uniform([count], rng.fold(seed, 0)) < self.swap_probability
    places = tf.cast(rng.uniform([count], rng.fold(seed, 1)) * self.size, tf.int32)
    images, held = tf.convert_to_tensor(self.images), tf.convert_to_tensor(self.held)
    shown = []
    for i in range(count):
      filling = held < self.size
      place = tf.where(filling, held, places[i])
      shown.append(tf.where(~filling & swap[i], images[place], everyone[i]))
      images = tf.where(filling | swap[i], tf.tensor_scatter_nd_update(images, [[place]], everyone[i:i + 1]), images)
      held += tf.cast(filling, tf.int32)
    compat.assign(self.images, images)
    compat.assign(self.held, held)
    return rng.replica_share(tf.stack(shown))


def _of_all_replicas(images):
  """Gathers [n, ...] of each replica: [replicas * n, ...] on all of them."""
  context = tf.distribute.get_replica_context()
  if context.num_replicas_in_sync == 1:
    return images
  mine = tf.one_hot(tf.cast(context.replica_id_in_sync_group, tf.int32), context.num_replicas_in_sync)
  placed = tf.reshape(mine, [-1, *[1] * images.shape.rank]) * images[None]
  return tf.reshape(context.all_reduce(tf.distribute.ReduceOp.SUM, placed), [-1, *images.shape[1:]])
