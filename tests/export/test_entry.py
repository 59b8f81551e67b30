import numpy as np
import pytest

from tf_stugan.export import entry


@pytest.mark.parametrize('shape', [(1, 4, 4, 8), (1, 4, 4, 13), (1, 1, 1, 200), (1, 8, 10, 30)])
def test_what_enters_is_what_was_given(shape):
  x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
  np.testing.assert_array_equal(entry.enter(x), x)


def test_fold_is_space_to_depth():
  x = np.random.default_rng(0).standard_normal([1, 4, 6, 3]).astype(np.float32)
  blocks = x.reshape(1, 2, 2, 3, 2, 3).transpose(0, 1, 3, 2, 4, 5).reshape(1, 2, 3, 12)
  np.testing.assert_array_equal(entry.fold(x), blocks)
