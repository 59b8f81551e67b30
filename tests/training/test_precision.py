"""Networks that compute in 16 bits, and batches that are cut into parts."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from tests import tiny
from tf_stugan import compat
from tf_stugan import errors
from tf_stugan.compat import keras
from tf_stugan.layers import heads
from tf_stugan.layers import style
from tf_stugan.models import resnet
from tf_stugan.sparsity import masks
from tf_stugan.sparsity import one_shot_pruning
from tf_stugan.sparsity import scores
from tf_stugan.training import accumulation
from tf_stugan.training import loss_scale
from tf_stugan.training import strategies


@pytest.mark.parametrize('precision', tiny.some_slow(['bfloat16', 'float16'], ['float16']))
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
  images = half.gan.outputs['images'].sample([1, 2], averaged=False)
  assert images.dtype == np.float32 and np.isfinite(images).all()


def test_singular_values_are_computed_in_float32():
  half = tiny.make_trainer(precision='float16')
  convolution = half.gan.discriminator.blocks[0].conv1
  assert (convolution.compute_dtype, convolution.kernel_normalizer.compute_dtype) == ('float16', 'float32')


@pytest.mark.parametrize('head', [heads.Unconditional, functools.partial(heads.Projection, num_classes=3),
                                  functools.partial(heads.AuxiliaryClassifier, num_classes=3)])
def test_logits_are_not_rounded_to_16_bits(head):
  with compat.precision('bfloat16'):
    network = resnet.Discriminator(4, [1, 1], style.LayerStyle(), head)
  logits = network(tf.random.stateless_normal([64, 8, 8, 3], [1, 2]), tf.zeros([64], tf.int32), training=True).numpy()
  assert network.blocks[0].conv1.compute_dtype == 'bfloat16' and logits.dtype == np.float32
  assert (tf.cast(logits, tf.bfloat16).numpy() != logits).mean() > 0.9


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
    gradients, finite = scale.unscaled([tf.constant(x) for x in scaled])
    scale.adjust(finite)
    assert [float(g) for g in gradients] == expected
    assert bool(finite) == np.isfinite(scaled).all()
    assert float(scale.scale) == after


def test_a_look_at_what_is_left_moves_no_scale():
  """It is taken again wherever a run goes on, which would not end as one that was never stopped."""
  trainer = tiny.make_trainer(precision='float16')
  scale = trainer.loss_scales['generator']
  scale.scale.assign(2.0**60)
  trainer.graph.probe_twice('generator', next(trainer.batches(tiny.DATA)))
  assert (float(scale.scale), int(scale.quiet)) == (2.0**60, 0)


def test_an_overflow_ranks_nothing():
  """Zero gradients would keep the first weights of the network, whatever they are."""
  one_shot = one_shot_pruning.OneShotPruning(0.2, 0, scores.saliency)
  trainer = tiny.make_trainer(methods={'generator': one_shot}, precision='float16')
  trainer.loss_scales['generator'].scale.assign(2.0**40)
  trainer.update_masks(tiny.DATA)
  masked = trainer.sides['generator'].masked
  assert float(masks.density(masked)) == pytest.approx(0.2, abs=1e-2)
  assert all(0 < float(masks.density([v])) < 1 for v in masked)
  assert float(trainer.loss_scales['generator'].scale) < 2.0**40


@pytest.mark.slow
@pytest.mark.parametrize('strategy', ['one_device', 'mirrored'])
def test_masks_stay_where_the_gradient_of_an_update_step_overflows(strategy):
  with strategies.make(strategy).scope():
    trainer = tiny.make_trainer(interval=2, precision='float16')
  side = trainer.sides['generator']
  trainer.fit(tiny.DATA, 1)
  before = [v.mask.numpy() for v in side.masked]
  scale = trainer.loss_scales['generator'].scale
  scale.assign(2.0**60)
  trainer.fit(tiny.DATA, 2)
  for v, mask in zip(side.masked, before, strict=True):
    np.testing.assert_array_equal(v.mask, mask)
  scale.assign(1.0)
  trainer.fit(tiny.DATA, 4)
  assert any((v.mask.numpy() != mask).any() for v, mask in zip(side.masked, before, strict=True))
  for v in side.masked:
    assert not v.weight.numpy()[~v.mask.numpy()].any()


def test_parts_of_a_batch_are_averaged_or_put_together():
  def function(batch, seed):
    return [tf.reduce_mean(batch['x']), tf.cast(seed[0], tf.float32)], batch['x'] + 1
  batch, seed = {'x': tf.range(6.0)}, tf.constant([1, 2])
  run = tf.function(lambda: accumulation.call_in_parts(function, batch, seed, 3), autograph=False)
  (mean, of_seeds), together = run()
  np.testing.assert_array_equal(together, np.arange(1.0, 7.0))
  assert float(mean) == 2.5
  assert float(of_seeds) != 1  # a part has latents of its own
  assert [float(x) for x in accumulation.call_in_parts(function, batch, seed, 1)[0]] == [2.5, 1]


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
