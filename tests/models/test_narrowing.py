"""A narrower network is the one of full width whose other channels are silent."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from tests.tiny import some_slow
from tf_stugan import errors
from tf_stugan.export import dead_channels
from tf_stugan.export import plain
from tf_stugan.export import residual
from tf_stugan.export import sparse_lowering
from tf_stugan.layers.spectral_norm import SpectralNorm
from tf_stugan.layers.style import LayerStyle
from tf_stugan.models import cyclegan
from tf_stugan.models import narrowing
from tf_stugan.models import resnet
from tf_stugan.training.state import named

LATENTS = (tf.random.stateless_normal([4, 16], [1, 2]), tf.constant([0, 1, 2, 1]))
IMAGES = (tf.random.stateless_normal([2, 16, 16, 3], [1, 2]),)
RESIDUAL = functools.partial(resnet.Generator, 8, [1, 1, 2])
MODELS = {
    'sngan': (functools.partial(RESIDUAL, LayerStyle(), 16), LATENTS),
    'sagan': (functools.partial(RESIDUAL, LayerStyle(kernel_normalizer=SpectralNorm), 16, attention_after=1), LATENTS),
    'biggan': (functools.partial(RESIDUAL, LayerStyle(), 16, num_classes=3), LATENTS),
    'cyclegan': (functools.partial(cyclegan.Translator, 4, LayerStyle(), 2), IMAGES)}
SILENT = {'gamma': 0, 'beta': 0, 'gain/table': -1, 'bias/table': 0}


def shaken(make, inputs):
  """Returns the network of full width, with weights of every kind that are not their first ones."""
  network = make()
  draw = np.random.default_rng(0)
  for _ in range(4):  # power iterations, too
    network(*inputs, training=True)
  for variable in network.variables:
    if 'variance' in variable.name:
      variable.assign(0.2 * variable)  # images would hardly differ
    elif len(variable.shape) < 4 and '/spectral_norm/' not in variable.name:
      variable.assign(variable + draw.normal(0, 0.3, variable.shape))
  return network


def extracted(make, inputs, network):
  """Returns (a network of about half of the channels, which ones these are)."""
  draw = np.random.default_rng(1)
  kept = {norm: np.sort(draw.choice(count, count // 2, replace=False)) for norm, count in network.full_channels.items()}
  kept |= {next(iter(kept)): np.array([2])}
  narrow = make(channels={norm: len(channels) for norm, channels in kept.items()})
  narrow(*inputs)
  values, variables = ({n: v for n, v in named(of.variables, of.name).items()} for of in (network, narrow))
  for name, variable in variables.items():
    if variable.shape == values[name].shape:
      variable.assign(values[name])
  narrowing.assign(narrow, variables, {name: v.numpy() for name, v in values.items()}, kept)
  return narrow, kept


def silence(network, kept):
  """Brings scales and shifts of all other channels to 0."""
  for name, variable in named(network.variables, network.name).items():
    for norm, channels in kept.items():
      leaf = name.removeprefix(f'{norm}/')
      if name != leaf and leaf in SILENT:
        value = variable.numpy()
        value[..., np.setdiff1d(np.arange(value.shape[-1]), channels)] = SILENT[leaf]
        variable.assign(value)


@pytest.fixture(scope='module', params=some_slow(MODELS, quick=('biggan',)))
def pair(request):
  """(name, network of full width, narrower one, inputs)"""
  make, inputs = MODELS[request.param]
  network = shaken(make, inputs)
  narrow, kept = extracted(make, inputs, network)
  silence(network, kept)
  return request.param, network, narrow, inputs


def test_what_is_extracted_computes_what_the_masked_network_does(pair):
  _, network, narrow, inputs = pair
  expected = network(*inputs).numpy()
  assert np.ptp(expected, axis=0).std() > 0.01  # the images differ
  np.testing.assert_allclose(narrow(*inputs), expected, atol=1e-5)
  assert narrow.count_params() < 0.75 * network.count_params()


def test_exports_of_narrower_generators_find_nothing_more_to_take_out(pair):
  _, _, narrow, inputs = pair
  if not residual.is_residual(narrow):
    return
  written = residual.read(narrow)
  arrays = dead_channels.remove(written)
  assert [block.conv2.kernel.shape for block in arrays.blocks] == [block.conv2.kernel.shape for block in written.blocks]
  np.testing.assert_allclose(plain.images(arrays, *inputs), narrow(*inputs), atol=1e-5)
  if not narrow.attention_after:
    one = [x[:1] for x in inputs]
    np.testing.assert_allclose(sparse_lowering.images(arrays, *one), narrow(*one), atol=1e-5)


@pytest.mark.parametrize('channels, what', [
    ({'block9/norm1': 1}, "no normalization 'block9/norm1'"), ({'norm': 0}, 'norm has 1 to 16 channels; got 0'),
    ({'norm': 17}, 'got 17'), ({'norm': 1.5}, 'got 1.5')])
def test_channels_that_cannot_be_had_are_refused(channels, what):
  with pytest.raises(errors.UserError, match=what):
    MODELS['sngan'][0](channels=channels)


def test_narrower_networks_can_be_saved(pair, tmp_path):
  _, _, narrow, inputs = pair
  module = tf.Module()
  module.network = narrow
  module.serve = tf.function(lambda *x: {'images': narrow(*x)}, autograph=False).get_concrete_function(*inputs)
  tf.saved_model.save(module, str(tmp_path), {'serving_default': module.serve})
  read = tf.saved_model.load(str(tmp_path))
  np.testing.assert_allclose(read.serve(*inputs)['images'], narrow(*inputs), atol=1e-5)
