"""Replicas that do not agree are found out."""

import binascii

import numpy as np
import pytest
import tensorflow as tf

from tests import tiny
from tf_stugan import errors
from tf_stugan.sparsity import one_shot_pruning
from tf_stugan.training import agreement
from tf_stugan.training import saving
from tf_stugan.training import strategies
from tf_stugan.training.workdir import Workdir


def flip(variable, replica, position):
  """Turns one bit of one replica's mask over."""
  copy = variable.values[replica]
  flat = copy.numpy().reshape(-1)
  flat[position] ^= True
  copy.assign(flat.reshape(copy.shape))


def test_a_fingerprint_sees_one_bit_wherever_it_is():
  masks = [np.random.default_rng(0).random(shape) < 0.3 for shape in ([3, 3, 8, 8], [1, 1, 8, 4])]
  seen = {tuple(agreement.fingerprint(masks).numpy())}
  for mask in masks:
    flat = mask.reshape(-1)
    for position in range(0, len(flat), 7):
      flat[position] ^= True
      seen.add(tuple(agreement.fingerprint(masks).numpy()))
      flat[position] ^= True
  assert len(seen) == 1 + 83 + 5
  assert all(0 <= half < 65536 and half == int(half) for halves in seen for half in halves)


def test_swapping_masks_of_one_shape_is_seen():
  a, b = tf.constant([True, False, True]), tf.constant([True, True, False])
  assert not np.array_equal(agreement.fingerprint([a, b]), agreement.fingerprint([b, a]))


@pytest.fixture(scope='module')
def trainer():
  with strategies.make('mirrored').scope():
    return tiny.make_trainer(interval=2)


@pytest.mark.slow
def test_a_mask_that_differs_on_one_replica_stops_the_run_and_nothing_is_saved(trainer, tmp_path):
  workdir = Workdir(tmp_path)
  trainer.fit(tiny.DATA, 2, [saving.Checkpoint(2, workdir)])  # an update, and all agree
  mask = trainer.sides['generator'].masked[3].mask
  flip(mask, 1, 5)
  with pytest.raises(errors.DisagreementError, match=r'masks of the generator differ .* step 4 \(hashes by ') as info:
    trainer.fit(tiny.DATA, 6, [saving.Checkpoint(2, workdir)])
  assert info.value.exit_code == 4
  assert [p.name for p in workdir.checkpoints.iterdir()] == ['step-00000002']


@pytest.mark.slow
def test_masks_made_before_training_are_compared_too():
  with strategies.make('mirrored').scope():
    trainer = tiny.make_trainer(method=one_shot_pruning.OneShotPruning(0.5, prune_step=0))
  weight = trainer.sides['generator'].masked[0].weight
  weight.values[1].assign(-weight.values[1] + 0.1)
  with pytest.raises(errors.DisagreementError, match='at step 0'):
    trainer.fit(tiny.DATA, 1)


def test_workers_that_would_go_on_from_different_steps_are_told(monkeypatch):
  monkeypatch.setattr(strategies, 'num_workers', lambda strategy: 2)
  monkeypatch.setattr(agreement, '_gather_workers', lambda strategy, value: np.array([4.0, 0.0]))
  with pytest.raises(errors.CheckpointError, match='steps 0, 4. All of them have to see the same --workdir'):
    agreement.check_step(strategies.make('one_device'), 4)


def test_workers_with_another_configuration_are_told(monkeypatch):
  monkeypatch.setattr(strategies, 'num_workers', lambda strategy: 2)
  monkeypatch.setattr(agreement, '_gather_workers', lambda strategy, value: np.array([value, value]))
  strategy = strategies.make('one_device')
  agreement.check_same(strategy, 'configurations', 'SEED = 1')
  other = binascii.crc32(b'SEED = 2')
  monkeypatch.setattr(
      agreement, '_gather_workers',
      lambda strategy, value: np.array([value, other & 0xFFFF if value < 65536 else other >> 16]))
  with pytest.raises(errors.DisagreementError, match='different configurations'):
    agreement.check_same(strategy, 'configurations', 'SEED = 1')


def test_one_worker_need_not_ask_anybody():
  strategy = strategies.make('mirrored')
  assert agreement.any_worker(strategy, True) and not agreement.any_worker(strategy, False)
  agreement.wait(strategy)
  agreement.check_step(strategy, 3)
