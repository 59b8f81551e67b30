"""CycleGAN as a game: its losses by hand, who moves when, and what it makes."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from tf_stugan import errors
from tf_stugan.compat import keras
from tf_stugan.data import random_images
from tf_stugan.data.images import Examples
from tf_stugan.gans import cycle_gan
from tf_stugan.gans import losses
from tf_stugan.metrics.balance_ratio import BalanceRatio
from tf_stugan.sparsity import sparse_ema
from tf_stugan.training import checkpoints
from tf_stugan.training import trainer as trainer_lib

SHAPE = (8, 8, 3)
A, B = (tf.random.stateless_uniform([2, *SHAPE], [i, 0], -1, 1) for i in (1, 2))
BATCH = {'a': Examples(A, tf.zeros([2], tf.int32)), 'b': Examples(B, tf.zeros([2], tf.int32))}
SEED = tf.constant([3, 4])


class Linear(keras.Model):
  """A 1 x 1 convolution, so that a translation can be written down: x @ kernel + bias."""

  num_classes = 0

  def __init__(self, units, name):
    super().__init__(name=name)
    self.mix = keras.layers.Dense(units, name='mix')

  def call(self, x, labels=None, training=False):
    del labels, training
    return self.mix(x)


def make_game(**kwargs):
  made = cycle_gan.CycleGAN(
      functools.partial(Linear, 3), functools.partial(Linear, 1), losses.least_squares(2), SHAPE, 2, **kwargs)
  made.build()
  return made


def translate(network, x):
  return np.asarray(x) @ network.mix.kernel.numpy() + network.mix.bias.numpy()


def squares(x, target):
  return np.mean((x - target)**2)


@pytest.mark.parametrize(('score', 'judged'), [
    (cycle_gan.patches, lambda x: x), (cycle_gan.mean_of_patches, lambda x: x.mean(axis=(1, 2)))])
@pytest.mark.parametrize('identity', [0.0, 5.0])
def test_the_losses_are_those_of_the_paper(score, judged, identity):
  gan = make_game(score=score, identity=identity, buffer_size=0)
  g, f = (functools.partial(translate, network) for network in (gan.a_to_b, gan.b_to_a))
  d_a, d_b = ((lambda x, network=network: judged(translate(network, x))) for network in (
      gan.discriminator_a, gan.discriminator_b))
  fake_a, fake_b = f(B), g(A)
  expected = squares(d_b(fake_b), 1) + squares(d_a(fake_a), 1)
  expected += 10 * (np.abs(f(fake_b) - A).mean() + np.abs(g(fake_a) - B).mean())
  expected += identity * (np.abs(g(B) - B).mean() + np.abs(f(A) - A).mean())
  outcome = gan.turns[0].objective(BATCH, SEED, {})
  assert float(outcome.loss) == pytest.approx(expected, rel=1e-5)
  assert set(outcome.scalars) == set(gan.turns[0].scalars)
  for turn, judge, real, fake in ((gan.turns[1], d_a, A, fake_a), (gan.turns[2], d_b, B, fake_b)):
    loss = turn.objective(BATCH, SEED, outcome.made).loss
    assert float(loss) == pytest.approx((squares(judge(real), 1) + squares(judge(fake), 0)) / 2, rel=1e-5)


def make_trainer(**kwargs):
  optimizers = dict.fromkeys(('generator', 'discriminator'), functools.partial(keras.optimizers.Adam, 2e-3))
  result = trainer_lib.Trainer(
      make_game(averaged=True), optimizers, {}, functools.partial(sparse_ema.SparseEMA, 0.5), **kwargs)
  result.build()
  return result


DATA = {name: random_images.RandomImages(6, 8, seed=i).load() for i, name in enumerate('ab')}


def test_translators_move_together_and_an_optimizer_each_is_one_for_both():
  trainer = make_trainer()
  gan = trainer.gan
  networks = (gan.a_to_b, gan.b_to_a)
  both = [v for network in networks for v in network.trainable_variables]
  before = [v.numpy() for v in both]
  with tf.GradientTape() as tape:
    loss = gan.turns[0].objective(BATCH, SEED, {}).loss
  gradients = tape.gradient(loss, both)
  trainer.graph.moves.make(gan.turns[0], BATCH, SEED, {})
  ours = [v.numpy() for v in both]
  for v, value in zip(both, before, strict=True):
    v.assign(value)
  one = keras.optimizers.Adam(2e-3)
  one.build(both)
  one.apply_gradients(zip(gradients, both, strict=True))
  for v, value in zip(both, ours, strict=True):
    np.testing.assert_allclose(v, value, rtol=1e-5, atol=1e-7)


@pytest.mark.slow
def test_a_run_goes_on_bit_for_bit_with_its_buffers_and_averages(tmp_path):
  balance = functools.partial(BalanceRatio, 1, 2)
  whole = make_trainer(balance=balance)
  whole.fit(DATA, 3)
  checkpoints.save(whole, tmp_path)
  whole.fit(DATA, 6)
  resumed = make_trainer(balance=balance)
  assert checkpoints.restore(resumed, tmp_path) == 3
  resumed.fit(DATA, 6)
  assert {'game', 'averages'} <= set(whole.parts()) and 'buffer_a/images' in whole.parts()['game']
  assert int(whole.gan.buffers['a'].held) == 12
  for a, b in zip(whole.variables, resumed.variables, strict=True):
    np.testing.assert_array_equal(a, b, err_msg=a.name)
  assert whole.scalars() == resumed.scalars()
  assert {'a_to_b/balance_ratio', 'b_to_a/balance_ratio', 'translators/cycle_a'} <= set(whole.scalars())


def test_the_balance_of_a_direction_is_what_one_update_of_the_translators_did():
  trainer = make_trainer(balance=functools.partial(BalanceRatio, 1, 2))
  trainer.fit(DATA, 1)
  before, after, real = trainer.balance['a_to_b/balance_ratio']._measured.numpy()[-1]  # pylint: disable=protected-access
  assert before == pytest.approx(trainer.scalars()['translators/a_to_b/fake_logits'], rel=1e-5)
  assert after != before and real != before


def test_outputs_translate_and_show_the_way_back():
  gan = make_game()
  output = gan.outputs['a_to_b']
  inputs = output.inputs(np.arange(3), DATA['a'])
  there = output.make(inputs)
  np.testing.assert_allclose(there, translate(gan.a_to_b, inputs[0]), atol=1e-5)
  sheet = output.sheet(gan.outputs, inputs)
  assert sheet.columns == 3 and sheet.images.shape == (9, *SHAPE)
  np.testing.assert_allclose(sheet.images[2::3], translate(gan.b_to_a, there), atol=1e-5)
  assert output.count(50_000, DATA['a']) == 6


def test_images_of_another_shape_are_refused():
  with pytest.raises(errors.UserError, match=r'domain b are shown as \(8, 8, 1\), .* made for \(8, 8, 3\); set .*CROP'):
    make_game().build({'a': SHAPE, 'b': (8, 8, 1)})
