"""Networks that compute in 16 bits, and batches that are cut into parts."""

import numpy as np
import pytest
import tensorflow as tf

from tests import tiny
from tf_stugan import errors
from tf_stugan.compat import keras
from tf_stugan.training import accumulation
from tf_stugan.training import loss_scale
from tf_stugan.training import strategies


@pytest.mark.parametrize('precision', ['bfloat16', 'float16'])
def test_half_precision_trains_with_everything_that_lasts_in_float32(precision):
  plain, half = tiny.make_trainer(100), tiny.make_trainer(100, precision=precision)  # 100: no ranking of gradients
  assert keras.mixed_precision.global_policy().name == 'float32'
  assert half.gan.generator.blocks[0].conv1.compute_dtype == precision
  for trainer in (plain, half):
    trainer.fit(tiny.DATA, 4)
  assert {v.dtype for v in half.variables if v.dtype.is_floating} <= {tf.float32, tf.float64}
  for side in half.sides.values():
    for v in side.masked:
      assert not v.weight.numpy()[~v.mask.numpy()].any()
  for ours, theirs in zip(half.gan.averaged_generator.variables, plain.gan.averaged_generator.variables, strict=True):
    np.testing.assert_allclose(ours, theirs, atol=2e-3, err_msg=ours.name)  # steps of Adam are of size 2e-4
  assert half.gan.averaged_generator.compute_dtype == 'float32'
  images = half.gan.sample([1, 2], averaged=False)
  assert images.dtype == np.float32 and np.isfinite(images).all()


def test_singular_values_are_computed_in_float32():
  half = tiny.make_trainer(precision='float16')
  convolution = half.gan.discriminator.blocks[0].conv1
  assert (convolution.compute_dtype, convolution.kernel_normalizer.compute_dtype) == ('float16', 'float32')


def test_an_unknown_precision_is_named():
  with pytest.raises(errors.UserError, match="precision is one of float32, bfloat16, float16; got 'half'"):
    tiny.make_trainer(precision='half')


def test_a_gradient_that_overflows_counts_as_zero_and_halves_the_scale(monkeypatch):
  monkeypatch.setattr(loss_scale, '_QUIET_STEPS', 2)
  scale = loss_scale.LossScale(8.0)
  assert float(scale.scaled(tf.constant(3.0))) == 24
  steps = [([4.0, 8.0], [0.5, 1.0], 8), ([4.0, np.inf], [0, 0], 4), ([np.nan, 1.0], [0, 0], 2),
           ([4.0, 8.0], [2, 4], 2), ([4.0, 8.0], [2, 4], 4), ([4.0, 8.0], [1, 2], 4)]
  for scaled, expected, after in steps:
    assert [float(g) for g in scale.unscaled([tf.constant(x) for x in scaled])] == expected
    assert float(scale.scale) == after


def test_parts_of_a_batch_are_averaged():
  def function(batch, seed):
    return [tf.reduce_mean(batch['x']), tf.cast(seed[0], tf.float32)]
  batch, seed = {'x': tf.range(6.0)}, tf.constant([1, 2])
  run = tf.function(lambda: accumulation.mean_of_parts(function, batch, seed, 3))
  mean, of_seeds = run()
  assert float(mean) == 2.5
  assert float(of_seeds) != 1  # a part has latents of its own
  assert [float(x) for x in accumulation.mean_of_parts(function, batch, seed, 1)] == [2.5, 1]


@pytest.mark.slow
def test_accumulation_follows_the_same_path_on_replicas():
  with strategies.make('mirrored').scope():
    two = tiny.make_trainer(accumulation_steps=2)
  two.fit(tiny.DATA, 1)
  assert all(np.isfinite(x).all() for x in tiny.state(two))
  for v in two.variables:
    first, second = (x.numpy() for x in two.strategy.experimental_local_results(v))
    np.testing.assert_array_equal(first, second, err_msg=v.name)
  assert int(two.optimizers['discriminator'].iterations.numpy()) == 1


def test_a_batch_that_cannot_be_cut_is_refused():
  with pytest.raises(errors.UserError, match='4 images that a replica has .* cannot be cut into 3'):
    tiny.make_trainer(accumulation_steps=3)
