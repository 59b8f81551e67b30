import numpy as np
import pytest

from tf_stugan.export import entry


@pytest.mark.parametrize('width', [8, 13, 200])
def test_the_dense_layer_enters_exactly(width):
  rng = np.random.default_rng(0)
  kernel = rng.standard_normal([6, 4, 4, width]).astype(np.float32)
  bias = rng.standard_normal([4, 4, width]).astype(np.float32)
  latents = rng.standard_normal([1, 6]).astype(np.float32)
  result = entry.enter(latents, entry.lay_out(kernel, bias))
  np.testing.assert_allclose(result, np.tensordot(latents, kernel, 1) + bias, atol=1e-5)


def test_two_images_carry_256_channels():
  laid_out = entry.lay_out(np.zeros([1, 4, 4, 256], np.float32), np.zeros([4, 4, 256], np.float32))
  assert (laid_out.images, laid_out.side, laid_out.channels) == (2, 32, 16)
