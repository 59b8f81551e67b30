import math

import numpy as np
import pytest
import tensorflow as tf

from tests import tiny
from tf_stugan import rng
from tf_stugan.data import images
from tf_stugan.metrics import balance_ratio
from tf_stugan.metrics.balance_ratio import BalanceRatio

#             before, after, real: alpha / beta = 1/2, 1/4, -1/1
MEASURED = [(0.0, 1.0, 2.0), (-1.0, 0.0, 3.0), (2.0, 1.0, 3.0)]


def filled(*args, measured=MEASURED, **kwargs):
  ratio = BalanceRatio(*args, **kwargs)
  for row in measured:
    ratio.add(*row)
  return ratio


def test_mean_of_ratios_and_ratio_of_means():
  assert float(balance_ratio.mean_of_ratios(np.array(MEASURED))) == pytest.approx((1 / 2 + 1 / 4 - 1) / 3)
  assert float(balance_ratio.ratio_of_means(np.array(MEASURED))) == pytest.approx((1 + 1 - 1) / (2 + 4 + 1))


def test_only_the_last_window_counts():
  assert filled(window=2).value() == pytest.approx((1 / 4 - 1) / 2)
  assert float(filled(window=2).decision_value()) == pytest.approx((1 / 4 - 1) / 2)


def test_a_window_that_is_not_full_has_a_value_but_decides_nothing():
  ratio = filled(window=4)
  assert ratio.value() == pytest.approx((1 / 2 + 1 / 4 - 1) / 3)
  assert math.isnan(float(ratio.decision_value()))
  assert math.isnan(BalanceRatio().value())


def test_a_gap_of_zero_is_infinite_or_unknown_in_the_published_form_and_harmless_in_the_other():
  assert filled(window=2, measured=[(0.0, 1.0, 0.0), MEASURED[0]]).value() == math.inf
  assert math.isnan(filled(window=2, measured=[(0.0, 0.0, 0.0), MEASURED[0]]).value())
  steady = filled(window=2, measured=[(0.0, 0.0, 0.0), MEASURED[0]], estimate=balance_ratio.ratio_of_means)
  assert steady.value() == pytest.approx(1 / 2)


@pytest.mark.slow
def test_it_is_what_the_update_did_to_the_scores_and_measuring_changes_nothing_else():
  """Recomputed outside the step: the same latents and the same real images, with the networks as the step left them."""
  plain, trainer = (tiny.make_trainer(interval=100, balance=b) for b in (None, BalanceRatio(interval=1, window=3)))
  trainer.fit(tiny.DATA, 1)
  trained = {name: [v.numpy() for v in side.player.network.variables] for name, side in trainer.sides.items()}
  draws = {'discriminator': images.Draw(1, 4, ('data',))}
  real = next(iter(images.batches(tiny.DATA, draws, trainer.seed)))['discriminator']['data']
  batch = {'data': images.Examples(real.images[0], real.labels[0])}
  after, real = trainer.gan.balance['balance_ratio'].measure(batch, rng.seed(trainer.seed, 'generator', 1, 0))
  before = trainer.means.result()['generator/fake_logits']
  after, real = np.mean(after), np.mean(real)
  assert float(after) > before  # the update raised the scores of its images
  ratio = (float(after) - before) / (float(real) - before)
  assert trainer.scalars()['balance_ratio'] == pytest.approx(ratio, rel=1e-4)
  plain.fit(tiny.DATA, 1)
  for name, side in plain.sides.items():
    for a, b in zip(side.player.network.variables, trained[name], strict=True):
      np.testing.assert_array_equal(a, b, err_msg=a.name)


def test_the_sign_criterion_is_the_share_of_real_images_that_are_taken_for_generated():
  ratio = BalanceRatio(window=2, signs=True)
  for logits in ([0.5, -2.0, 1.0, 3.0], [-1.0, 0.0, -0.5, 2.0]):  # 1 of 4, then 3 of 4 (0 is no sign of a real one)
    counted = [tf.reduce_mean(ratio.counted(tf.constant(x))) for x in ([0.0], logits)]
    ratio.add(9.0, *counted)
  assert ratio.value() == float(ratio.decision_value()) == pytest.approx((1 / 4 + 3 / 4) / 2)


@pytest.mark.slow
def test_the_sign_criterion_in_a_run():
  trainer = tiny.make_trainer(interval=100, balance=BalanceRatio(interval=1, window=1, signs=True))
  trainer.fit(tiny.DATA, 1)
  draws = {'discriminator': images.Draw(1, 4, ('data',))}
  batch = next(iter(images.batches(tiny.DATA, draws, trainer.seed)))['discriminator']['data']
  logits = trainer.gan.discriminator(batch.images[0], batch.labels[0]).numpy()
  assert trainer.scalars()['balance_ratio'] == pytest.approx((logits <= 0).mean())
