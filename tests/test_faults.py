import os
import signal

import numpy as np
import pytest
import tensorflow as tf

from tf_stugan import faults

VALUE = tf.constant(2.0)


@pytest.fixture
def kills(monkeypatch):
  """Signals that would have been sent."""
  sent = []
  monkeypatch.setattr(os, 'kill', lambda pid, number: sent.append((pid == os.getpid(), number)))
  return sent


def test_nothing_happens_without_being_asked_for(kills, monkeypatch):
  monkeypatch.delenv('TF_STUGAN_FAULT', raising=False)
  faults.reached('step', 7)
  assert faults.poisoned(VALUE, 'generator_loss', tf.constant(7)) is VALUE
  assert not kills


@pytest.mark.parametrize('fault, dies', [
    ('save:after_data@8', [('save:after_data', 8)]), ('save:after_data', [('save:after_data', 8), ('save:after_data', 9)]),
    ('nan:generator_loss@8', [])])
def test_a_process_is_killed_where_it_was_asked_for(fault, dies, kills, monkeypatch):
  monkeypatch.setenv('TF_STUGAN_FAULT', fault)
  for place in (('save:begin', 8), ('save:after_data', 8), ('save:after_data', 9), ('step', 8)):
    before = len(kills)
    faults.reached(*place)
    assert kills[before:] == ([(True, signal.SIGKILL)] if place in dies else [])


def test_a_loss_is_poisoned_with_its_gradients(monkeypatch):
  monkeypatch.setenv('TF_STUGAN_FAULT', 'nan:generator_loss@7')
  assert faults.poisoned(VALUE, 'discriminator_loss', tf.constant(7)) is VALUE
  for step, poisoned in ((6, False), (7, True), (8, False)):
    with tf.GradientTape() as tape:
      tape.watch(VALUE)
      loss = faults.poisoned(VALUE * VALUE, 'generator_loss', tf.constant(step))
    assert np.isnan(loss) == np.isnan(tape.gradient(loss, VALUE)) == poisoned
