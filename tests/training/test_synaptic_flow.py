"""SynFlow by hand, and by what it conserves: all that flows out has come through every cut of the network."""

import numpy as np
import pytest
import tensorflow as tf

from tests import tiny
from tf_stugan import errors
from tf_stugan.compat import keras
from tf_stugan.layers.prunable import Dense
from tf_stugan.layers.spectral_norm import SpectralNorm
from tf_stugan.layers.style import LayerStyle
from tf_stugan.models import cyclegan
from tf_stugan.sparsity import masks
from tf_stugan.sparsity import one_shot_pruning
from tf_stugan.sparsity import rankings
from tf_stugan.sparsity import scores
from tf_stugan.training import layer_choice
from tf_stugan.training import synaptic_flow


class Net(keras.Model):
  """Two layers with biases and spectral norm, and a tanh."""

  def __init__(self):
    super().__init__()
    self.first, self.last = (Dense(units, kernel_normalizer=SpectralNorm) for units in (2, 1))

  def call(self, x, labels=None, training=False):
    return tf.tanh(self.last(tf.nn.relu(self.first(x, training=training)), training=training))


def test_by_hand():
  net = Net()
  net(tf.ones([1, 2]))
  net.first.kernel.assign([[1e3, -2e3], [3e3, 4e3]])
  net.last.kernel.assign([[5.0], [-6.0]])
  before = [v.numpy() for v in net.variables]
  first, last = synaptic_flow.gradients(net, (tf.ones([1, 2]), tf.zeros([1], tf.int32)), [net.first.kernel, net.last.kernel])
  # Of an input of ones 4000 and 6000 come to the hidden units. To one factor for all:
  factor = 5 / first[0, 0]
  np.testing.assert_allclose(factor * first, [[5, 6], [5, 6]], rtol=1e-5)
  np.testing.assert_allclose(factor * last, [[4000], [6000]], rtol=1e-5)
  for v, old in zip(net.variables, before, strict=True):
    np.testing.assert_array_equal(v, old, err_msg=v.name)


def test_every_cut_of_a_network_lets_the_same_through():
  trainer = tiny.make_trainer(methods={})
  for name, ends in (('generator', ['project', 'to_rgb']), ('discriminator', ['logits'])):
    network = trainer.sides[name].player.network
    masked = layer_choice.conv_and_dense(network)
    found = synaptic_flow.gradients(network, trainer.gan.ones(name), [v.weight for v in masked])
    sums = {v.name: float(tf.reduce_sum(tf.abs(v.weight) * g)) for v, g in zip(masked, found, strict=True)}
    cuts = [[end] for end in ends] + [
        [f'block{i}/conv2', f'block{i}/shortcut'] for i in (1, 2) if f'block{i}/shortcut' in sums]
    assert len(cuts) >= 3
    flows = [sum(sums[layer] for layer in cut) for cut in cuts]
    assert min(flows) > 0
    np.testing.assert_allclose(flows, flows[0], rtol=1e-3)
    for i in range(1, len(network.blocks) + 1):
      assert sums[f'block{i}/conv1'] == pytest.approx(sums[f'block{i}/conv2'], rel=1e-3)


def test_instance_normalization_only_scales():
  networks = {'stem': cyclegan.Translator(2, LayerStyle(), 1), 'scores': cyclegan.PatchDiscriminator(2, LayerStyle())}
  for end, network in networks.items():
    ones = tf.ones([1, 24, 24, 3])
    network(ones)
    for v in network.trainable_variables:
      v.assign(v + 0.1 * tf.random.stateless_normal(v.shape, [1, 2]))
    masked = layer_choice.conv_only(network)
    found = synaptic_flow.gradients(network, (ones, tf.zeros([1], tf.int32)), [v.weight for v in masked])
    flows = {v.name: float(tf.reduce_sum(tf.abs(v.weight) * g)) for v, g in zip(masked, found, strict=True)}
    assert end in flows and len(flows) >= 5
    for name, flow in flows.items():  # all flows through each of them, but for the blocks, which can be gone around
      assert 'block' in name or flow == pytest.approx(flows[end], rel=1e-3), name


@pytest.mark.slow
def test_a_run_prunes_in_rounds_before_its_first_step():
  methods = {name: one_shot_pruning.OneShotPruning(
      density, score=scores.saliency, ranking=rankings.synaptic_flow, rounds=rounds)
             for name, density, rounds in (('generator', 0.05, 8), ('discriminator', 0.2, 1))}
  trainer = tiny.make_trainer(methods=methods)
  trainer.update_masks(tiny.DATA)
  for name, method in methods.items():
    masked = trainer.sides[name].masked
    kept = [int(masks.nonzeros(v.mask)) for v in masked]
    extra = sum(kept) - round(method.density * sum(v.mask.shape.num_elements() for v in masked))
    assert 0 <= extra <= kept.count(1)  # what layers keep that would have nothing
  once = tiny.make_trainer(methods={
      'generator': one_shot_pruning.OneShotPruning(0.05, score=scores.saliency, ranking=rankings.synaptic_flow)})
  once.update_masks(tiny.DATA)
  assert any((a.mask.numpy() != b.mask.numpy()).any() for a, b in zip(
      once.sides['generator'].masked, trainer.sides['generator'].masked, strict=True))


def test_it_is_refused_in_sixteen_bits():
  flow = one_shot_pruning.OneShotPruning(0.1, ranking=rankings.synaptic_flow)
  with pytest.raises(errors.UserError, match="generator is pruned by, needs PRECISION = 'float32'"):
    tiny.make_trainer(methods={'generator': flow}, precision='bfloat16')
