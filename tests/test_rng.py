import numpy as np
import pytest
import tensorflow as tf

from tf_stugan import rng

SEED = tf.constant([3, -4])


@pytest.mark.parametrize('shape', [[1000], [7, 3], [2, 3, 4, 5]])
def test_draws_are_tensorflows_own(shape):
  np.testing.assert_array_equal(rng.uniform(shape, SEED), tf.random.stateless_uniform(shape, SEED))
  np.testing.assert_allclose(rng.normal(shape, SEED), tf.random.stateless_normal(shape, SEED), atol=2e-6)


@pytest.mark.parametrize('draw', [
    lambda seed: rng.bits([1001], seed),
    lambda seed: rng.uniform([1001], seed),
    lambda seed: rng.normal([1001], seed),
    lambda seed: rng.fold(seed, 5),
    lambda seed: rng.replica_labels(seed, 16, 10),
])
def test_draws_are_the_same_where_xla_compiles_them(draw):
  np.testing.assert_allclose(tf.function(draw, jit_compile=True, autograph=False)(SEED), draw(SEED), atol=2e-6)
