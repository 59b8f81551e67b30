"""The buffer of old translations, against the published procedure written in plain Python."""

import numpy as np
import pytest
import tensorflow as tf

from tf_stugan import rng
from tf_stugan.gans.image_buffer import ImageBuffer
from tf_stugan.training import strategies

SIZE = 6


def images(first, count):
  """Images whose every pixel is their number."""
  numbers = np.arange(first, first + count)[:, None, None, None]
  return tf.constant(numbers * np.ones([1, 2, 2, 3]), tf.float32)


def seed(step):
  return rng.seed(1, 'buffer', step)


def published(steps, batch, size):
  """What is shown: one image after the other, kept while there is room, then swapped with probability 1/2."""
  held, shown = [], []
  for step in range(steps):
    swap = rng.uniform([batch], rng.fold(seed(step), 0)).numpy() < 0.5
    places = (rng.uniform([batch], rng.fold(seed(step), 1)).numpy() * size).astype(int)
    for i in range(batch):
      number = step * batch + i
      if len(held) < size:
        held.append(number)
        shown.append(number)
      elif swap[i]:
        shown.append(held[places[i]])
        held[places[i]] = number
      else:
        shown.append(number)
  return shown, held


def test_it_shows_what_the_published_one_shows():
  buffer = ImageBuffer(SIZE)
  buffer.build((2, 2, 3))
  shown = np.concatenate([buffer.exchange(images(4 * step, 4), seed(step)).numpy()[:, 0, 0, 0] for step in range(8)])
  expected, held = published(8, 4, SIZE)
  assert shown.tolist() == expected
  assert buffer.images.numpy()[:, 1, 1, 2].tolist() == held
  assert 4 < sum(a != b for a, b in enumerate(expected)) < 22  # about half of those after the first six


def test_without_room_the_newest_images_are_shown():
  assert ImageBuffer(0).exchange(images(0, 3), seed(0)).numpy()[:, 0, 0, 0].tolist() == [0, 1, 2]


@pytest.mark.slow
def test_two_replicas_hold_the_buffer_of_one_device():
  strategy = strategies.make('mirrored')
  with strategy.scope():
    buffer = ImageBuffer(SIZE)
    buffer.build((2, 2, 3))
  shown = []
  for step in range(5):
    fresh = strategy.experimental_distribute_values_from_function(
        lambda context, step=step: images(4 * step + 2 * context.replica_id_in_sync_group, 2))
    run = tf.function(lambda fresh, step=step: strategy.run(lambda x: buffer.exchange(x, seed(step)), (fresh,)))
    shown += [part[:, 0, 0, 0].numpy() for part in strategy.experimental_local_results(run(fresh))]
  expected, held = published(5, 4, SIZE)
  assert np.concatenate(shown).tolist() == expected
  assert buffer.images.numpy()[:, 0, 0, 0].tolist() == held
