"""Networks of somebody else: sparse from the first step to the last, in Keras 2 and 3, by `fit` or an own loop."""

import keras as keras3
import numpy as np
import pytest
import tensorflow as tf

from tf_stugan import errors
from tf_stugan.compat import keras as keras2
from tf_stugan.sparsity import adaptive_density
from tf_stugan.sparsity import dynamic_sparse
from tf_stugan.sparsity import mask_model
from tf_stugan.sparsity import schedules
from tf_stugan.sparsity import scores

IMAGES = np.random.default_rng(0).normal(size=[16, 8, 8, 3]).astype(np.float32)


def network(keras):
  layers = keras.layers
  return keras.Sequential([layers.Input([8, 8, 3]), layers.Conv2D(8, 3, padding='same', activation='relu'),
                           layers.Conv2D(8, 3, padding='same', activation='relu'), layers.Flatten(), layers.Dense(1)])


def explore(**kwargs):
  return dynamic_sparse.DynamicSparse(0.2, schedules.UpdateSchedule(100, 2), **kwargs)


def kernels(model):
  return [np.array(v.numpy()) for v in model.trainable_variables if len(v.shape) == 4]


def held(model, masked):
  """The masks, once it is sure that no weight is outside of them."""
  found = [v.mask.numpy() for v in masked.masked]
  for kernel, mask in zip(kernels(model), found, strict=True):
    assert kernel[mask].all() and not kernel[~mask].any()
  return found


@pytest.mark.parametrize('keras', [keras2, keras3], ids=['keras2', 'keras3'])
@pytest.mark.parametrize('changes', [False, True], ids=['fixed', 'explores'])
def test_fit_keeps_a_network_sparse(keras, changes):
  model = network(keras)
  optimizer = keras.optimizers.Adam(1e-2)
  masked = mask_model.mask_model(model, optimizer, explore() if changes else 0.2)
  before, weights = held(model, masked), kernels(model)
  model.compile(optimizer, 'mse')
  model.fit(IMAGES, np.ones([16, 1]), batch_size=4, epochs=2, verbose=0)
  after = held(model, masked)
  assert int(masked.step) == 8
  assert [mask.sum() for mask in after] == [mask.sum() for mask in before]
  assert masked.density() == pytest.approx(0.2, abs=0.01)
  assert all((a != b).any() == changes for a, b in zip(after, before, strict=True))
  assert all((a != b).any() for a, b in zip(kernels(model), weights, strict=True))


def test_masks_change_at_their_steps_only_and_grow_by_the_gradients_of_the_step():
  model, optimizer = network(keras2), keras2.optimizers.SGD(0.1)
  masked = mask_model.mask_model(model, optimizer, explore(regrow_dropped=False))
  first = held(model, masked)

  @tf.function
  def step(scale):
    with tf.GradientTape() as tape:
      loss = tf.reduce_mean(scale * model(IMAGES)**2)
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
    return [g for g in gradients if g.shape.rank == 4]

  step(1.0)
  for mask, now in zip(first, held(model, masked), strict=True):
    np.testing.assert_array_equal(mask, now)
  gradients = step(1.0)
  second = [v.mask.numpy() for v in masked.masked]
  for old, new, gradient in zip(first, second, gradients, strict=True):
    grown, passed_over = abs(gradient.numpy())[new & ~old], abs(gradient.numpy())[~new & ~old]
    assert len(grown) > 3 and grown.min() >= passed_over.max()


def test_an_optimizer_of_two_networks_masks_the_one_that_moves():
  first, second, optimizer = network(keras2), network(keras2), keras2.optimizers.legacy.Adam()
  masked = mask_model.mask_model(first, optimizer, 0.3)
  before = held(first, masked)
  dense = [(tf.ones_like(v), v) for v in second.trainable_variables]
  optimizer.apply_gradients(dense)
  assert int(masked.step) == 0 and all(kernel.all() for kernel in kernels(second))
  optimizer.apply_gradients((tf.ones_like(v), v) for v in first.trainable_variables)
  assert int(masked.step) == 1
  np.testing.assert_array_equal(held(first, masked)[0], before[0])


@pytest.mark.parametrize('named', [True, False], ids=['named', 'those of its build'])
def test_an_own_loop_of_keras_3_may_call_apply(named):
  model, optimizer = network(keras3), keras3.optimizers.Adam()
  masked = mask_model.mask_model(model, optimizer, 0.3)
  optimizer.build(model.trainable_variables)
  optimizer.apply([tf.ones(v.shape) for v in model.trainable_variables], *([model.trainable_variables] if named else []))
  assert int(masked.step) == 1 and masked.density() == pytest.approx(0.3, abs=0.01)
  held(model, masked)


@pytest.mark.parametrize('keras', [keras2, keras3], ids=['keras2', 'keras3'])
def test_regrown_weights_start_without_moments_where_the_method_says_so(keras):
  model, optimizer = network(keras), keras.optimizers.Adam()
  method = explore(regrow_dropped=False, reset_optimizer_state=True, grow_score=scores.random)
  masked = mask_model.mask_model(model, optimizer, method)
  old = held(model, masked)
  for _ in range(2):
    optimizer.apply_gradients((tf.ones(v.shape), v) for v in model.trainable_variables)
  new = [v.mask.numpy() for v in masked.masked]
  position = [len(v.shape) for v in model.trainable_variables].index(4, 1)  # of the second kernel, as that of its moments
  moments = optimizer._momentums[position].numpy()
  assert not moments[new[1] & ~old[1]].any() and moments[new[1] & old[1]].all()


def test_it_can_be_saved_and_goes_on(tmp_path):
  def trained(steps, checkpoint=None):
    keras2.utils.set_random_seed(1)
    model, optimizer = network(keras2), keras2.optimizers.Adam(1e-2)
    masked = mask_model.mask_model(model, optimizer, explore())
    optimizer.build(model.trainable_variables)
    saved = tf.train.Checkpoint(model=model, optimizer=optimizer, masks=masked)
    if checkpoint:
      saved.read(checkpoint).assert_existing_objects_matched()
    for _ in range(steps):
      with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(IMAGES) - 1)**2)
      optimizer.minimize(loss, model.trainable_variables, tape)
    return saved, [*kernels(model), *held(model, masked)]
  _, whole = trained(5)
  part, _ = trained(3)
  _, resumed = trained(2, part.write(str(tmp_path / 'ckpt')))
  for a, b in zip(whole, resumed, strict=True):
    np.testing.assert_array_equal(a, b)


def test_what_cannot_be_masked_is_one_line():
  optimizer = keras2.optimizers.Adam()
  dense = keras2.Sequential([keras2.layers.Input([3]), keras2.layers.Dense(40)])
  with pytest.raises(errors.UserError, match='Nothing to mask'):
    mask_model.mask_model(dense, optimizer, 0.3)
  assert mask_model.mask_model(dense, optimizer, 0.3, mask_model.convolutions_and_dense).density() == pytest.approx(0.3)
  with pytest.raises(errors.UserError, match='works in a Trainer only'):
    mask_model.mask_model(network(keras2), optimizer, adaptive_density.AdaptiveDensity(0.3, explore().schedule))
  with pytest.raises(errors.UserError, match='share of weights kept'):
    mask_model.mask_model(network(keras2), optimizer, 1.5)
