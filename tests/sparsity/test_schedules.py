import pytest
import tensorflow as tf

from tf_stugan import errors
from tf_stugan.sparsity import schedules


@pytest.mark.parametrize('event, printed', [(1, 0.4995133307), (25, 0.2528852918), (50, 0.0050011612)])
def test_cosine_gives_the_rates_printed_by_the_authors(event, printed):
  # They count discriminator steps: the k-th event is at 5000 k - 4 of 250,240.
  rate = schedules.cosine(tf.constant(5000.0 * event - 4), 250_240, 0.5, 0.005)
  assert float(rate) == pytest.approx(printed, abs=2e-7)  # float32


def test_linear_and_constant():
  step = tf.constant(25.0)
  assert float(schedules.linear(step, 100, 0.4, 0.0)) == pytest.approx(0.3)
  assert float(schedules.constant(step, 100, 0.4, 0.0)) == pytest.approx(0.4)


def test_updates_come_at_multiples_of_the_interval_until_the_end():
  schedule = schedules.UpdateSchedule(total_steps=10, update_interval=3)
  assert list(schedule.update_steps()) == [3, 6, 9]
  schedule = schedules.UpdateSchedule(total_steps=10, update_interval=2, begin_step=4, end_step=7)
  assert list(schedule.update_steps()) == [4, 6]


@pytest.mark.parametrize(('settings', 'last'), [
    ({}, 10), ({'update_at_end': False}, 8), ({'update_at_end': False, 'end_step': 6}, 6), ({'end_step': 12}, 12)])
def test_the_last_step_of_a_run_is_an_update_unless_it_is_told_not_to_be(settings, last):
  assert schedules.UpdateSchedule(total_steps=10, update_interval=2, **settings).update_steps()[-1] == last


def test_the_fraction_stays_at_its_final_value_after_the_horizon():
  schedule = schedules.UpdateSchedule(total_steps=10, initial_fraction=0.5, final_fraction=0.1)
  assert float(schedule.drop_fraction(tf.constant(25))) == pytest.approx(0.1)


@pytest.mark.parametrize('settings, name', [
    ({'update_interval': 0}, 'update_interval'), ({'total_steps': 0}, 'total_steps'),
    ({'initial_fraction': 1.5}, 'initial_fraction')])
def test_settings_out_of_range_are_refused_by_name(settings, name):
  with pytest.raises(errors.UserError, match=name):
    schedules.UpdateSchedule(**{'total_steps': 10, **settings})
