import numpy as np
import pytest
import tensorflow as tf

from tf_stugan import rng
from tf_stugan.data import embedded
from tf_stugan.data import images
from tf_stugan.data import random_images


@pytest.fixture(scope='module')
def data():
  return random_images.RandomImages(num_images=20, resolution=4).load()


def draw(updates, size):
  return {'d': images.Draw(updates, size, ('data',))}


def first(dataset, count):
  return [element['d']['data'].images.numpy() for element in dataset.take(count)]


def test_a_batch_is_a_function_of_seed_and_step(data):
  run = first(images.batches({'data': data}, draw(2, 6), run_seed=1), 5)
  np.testing.assert_array_equal(first(images.batches({'data': data}, draw(2, 6), run_seed=1, first_step=3), 2), run[3:])
  assert (np.array(first(images.batches({'data': data}, draw(2, 6), run_seed=2), 1)) != run[0]).any()


def test_every_epoch_shows_every_image_once_in_a_new_order():
  order = images.shuffled(tf.range(40, dtype=tf.int64), 20, tf.constant([1, 2])).numpy()
  assert sorted(order[:20]) == sorted(order[20:]) == list(range(20))
  assert (order[:20] != order[20:]).any()


def test_the_order_is_the_same_in_every_version():
  """Otherwise a run that is continued by a later version would see other images."""
  seed = rng.seed(1, 'data/order')
  positions = tf.constant([49_999, 7, 50_000, 123_456, 0], tf.int64)  # of three epochs, in any order
  order = images.shuffled(positions, 50_000, seed).numpy()
  assert order.tolist() == [34548, 32558, 19102, 29257, 45948]
  one_by_one = [int(images.shuffled(p[None], 50_000, seed)[0]) for p in positions]
  assert one_by_one == order.tolist()


def test_replicas_share_the_batches_of_one_device(data):
  whole = np.array(first(images.batches({'data': data}, draw(3, 4), 1, flip=True), 2))
  shares = first(images.batches({'data': data}, draw(3, 4), 1, num_replicas=2, flip=True), 4)
  np.testing.assert_array_equal(np.concatenate(shares[:2], axis=1), whole[0])
  np.testing.assert_array_equal(np.concatenate(shares[2:], axis=1), whole[1])


def test_flips_mirror_about_half_of_the_images(data):
  plain = np.array(first(images.batches({'data': data}, draw(1, 20), 1), 10))
  flipped = np.array(first(images.batches({'data': data}, draw(1, 20), 1, flip=True), 10))
  same = (plain == flipped).all(axis=(3, 4, 5))
  mirrored = (plain[:, :, :, :, ::-1] == flipped).all(axis=(3, 4, 5))
  assert (same ^ mirrored).all()
  assert 60 < mirrored.sum() < 140  # of 200


def test_pixels():
  np.testing.assert_allclose(images.to_float(tf.constant([0, 255], tf.uint8)), [-1, 1])
  assert images.to_uint8(np.array([-2, -1, 0, 0.999, 1, 3])).tolist() == [0, 0, 127, 254, 255, 255]


def test_digits_are_the_embedded_ones():
  digits = embedded.Digits().load()
  assert digits.images.shape == (1797, 32, 32, 1)
  assert np.bincount(digits.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_each_worker_gets_the_shares_of_its_own_replicas():
  data = random_images.RandomImages(num_images=16).load()
  data = {'data': data}
  of_all = list(images.batches(data, draw(2, 8), 1, 3, num_replicas=4, flip=True).take(8))
  for worker in range(2):
    replicas = range(2 * worker, 2 * worker + 2)
    own = list(images.batches(data, draw(2, 8), 1, 3, num_replicas=4, flip=True, replicas=replicas).take(4))
    for i, batch in enumerate(own):
      expected = of_all[4 * (i // 2) + replicas[i % 2]]['d']['data']
      np.testing.assert_array_equal(batch['d']['data'].images, expected.images)
      np.testing.assert_array_equal(batch['d']['data'].labels, expected.labels)
