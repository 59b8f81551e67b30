import numpy as np

from tf_stugan.data import pictures


def test_a_grid_keeps_the_order_of_its_images():
  images = np.arange(1, 6, dtype=np.uint8)[:, None, None, None] * np.ones([5, 2, 2, 1], np.uint8)
  grid = pictures.make_grid(images, columns=3, margin=0)[:, :, 0]
  assert grid[::2, ::2].tolist() == [[1, 2, 3], [4, 5, 0]]
  assert pictures.make_grid(images).shape == (8, 12, 1)
