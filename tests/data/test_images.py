import numpy as np
from PIL import Image
import pytest
import tensorflow as tf

from tf_stugan import errors
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


def test_digits_for_networks_of_colour_are_as_grey_as_the_others():
  grey, coloured = embedded.Digits().load(), embedded.Digits(channels=3).load()
  np.testing.assert_array_equal(coloured.images, grey.images.repeat(3, axis=-1))
  with pytest.raises(errors.UserError, match='1 .grey. or 3; got 2'):
    embedded.Digits(channels=2)


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


COORDINATES = images.Images(  # each pixel holds its row, its column and the number of the image
    'coordinates', np.array([np.stack([*np.mgrid[:9, :12], np.full([9, 12], i)], axis=2) for i in range(20)], np.uint8),
    np.zeros(20, np.int32), 1)


def crops(**options):
  taken = images.batches({'data': COORDINATES}, draw(2, 10), run_seed=1, crop=7, **options).take(8)
  return [np.rint((element['d']['data'].images.numpy() + 1) * 127.5) for element in taken]


def test_a_crop_is_a_part_of_its_image_in_a_place_that_is_drawn():
  run = np.concatenate(crops()).reshape(-1, 7, 7, 3)
  corners = run[:, 0, 0, :2]
  np.testing.assert_array_equal(run[..., :2] - corners[:, None, None], np.broadcast_to(
      np.stack(np.mgrid[:7, :7], axis=2), [160, 7, 7, 2]))
  assert (run[..., 2] == run[:, :1, :1, 2]).all()
  plain = first(images.batches({'data': COORDINATES}, draw(2, 10), run_seed=1), 8)
  np.testing.assert_array_equal(run[:, 0, 0, 2], np.rint((np.concatenate(plain)[..., 0, 0, 2].ravel() + 1) * 127.5))
  rows, columns = (np.bincount(c.astype(int)) for c in corners.T)
  assert len(rows) == 3 and len(columns) == 6 and rows.min() > 30 and columns.min() > 10  # of 160
  assert corners[:4].tolist() == [[1, 3], [2, 5], [1, 3], [1, 5]]  # in every version


def test_crops_are_a_function_of_seed_and_step():
  run = crops(resize=14, flip=True)
  np.testing.assert_array_equal(crops(resize=14, flip=True, first_step=3)[:5], run[3:])
  shares = crops(resize=14, flip=True, num_replicas=2)
  np.testing.assert_array_equal(np.concatenate(shares[:2], axis=1), run[0])
  np.testing.assert_array_equal(np.concatenate(shares[2:4], axis=1), run[1])
  other = first(images.batches({'data': COORDINATES}, draw(2, 10), run_seed=2, crop=7, resize=14), 1)[0]
  assert (other != run[0]).any()


def test_resized_images_are_those_of_pillow():
  """Within one level, on waves that nearly touch 0 and 255: Pillow rounds and clips after each direction."""
  rows, columns = np.mgrid[:20, :20]
  waves = np.stack([127.5 + 120 * np.sin(rows / 3 + i) * np.cos(columns / (4 + i)) for i in range(3)], axis=2)
  waves = images.Images('waves', waves[None].astype(np.uint8), np.zeros(1, np.int32), 1)
  for side in (23, 9):
    run = first(images.batches({'data': waves}, draw(1, 1), 1, resize=side), 1)[0][0, 0]
    pillow = Image.fromarray(waves.images[0]).resize([side, side], Image.Resampling.BICUBIC)
    assert np.abs((run + 1) * 127.5 - np.asarray(pillow)).max() < 1.01


def test_what_the_filter_overshoots_is_clipped(data):
  run = first(images.batches({'data': data}, draw(1, 20), 1, resize=9), 1)[0]
  assert (run.min(), run.max()) == (-1, 1)


def test_a_crop_of_the_whole_image_is_the_image(data):
  np.testing.assert_array_equal(first(images.batches({'data': data}, draw(1, 6), 1, crop=4), 2),
                                first(images.batches({'data': data}, draw(1, 6), 1), 2))


def test_images_smaller_than_the_crop_are_refused(data):
  with pytest.raises(errors.DataError, match='random/train has images of 4 x 4, too small to crop 5 x 5'):
    images.batches({'data': data}, draw(1, 6), 1, crop=5)
  with pytest.raises(errors.DataError, match='images of 3 x 3, too small to crop 4 x 4'):
    images.batches({'data': data}, draw(1, 6), 1, crop=4, resize=3)
