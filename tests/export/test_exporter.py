import functools
import re

import numpy as np
import pytest
import tensorflow as tf

from tests import tiny
from tests.export import sparse_generator
from tests.tiny import some_slow
from tf_stugan import errors
from tf_stugan import litert
from tf_stugan import rng
from tf_stugan.compat import keras
from tf_stugan.export import dead_channels
from tf_stugan.export import description
from tf_stugan.export import exporter
from tf_stugan.export import fast_path
from tf_stugan.export import residual
from tf_stugan.export import sparse_lowering
from tf_stugan.export import tflite


@pytest.fixture(scope='module')
def generator():
  return sparse_generator.make(24, 0.1)


@pytest.fixture(scope='module')
def narrow():
  return sparse_generator.prepare(tiny.generator(4, 1), 0.5)


@pytest.fixture(scope='module')
def lowered(generator):
  return exporter.export(sparse_generator.output(generator), 'sparse_lowered')


@pytest.fixture(scope='module')
def plain(generator):
  return exporter.export(sparse_generator.output(generator), encoded=False)


@pytest.fixture(scope='module')
def encoded(generator):
  return exporter.export(sparse_generator.output(generator))


def difference(exported, generator):
  latents, labels = rng.latents(np.arange(4), generator.latent_size), rng.labels(np.arange(4), generator.num_classes)
  return np.abs(litert.run(exported.model, latents, labels) - generator(latents, labels, training=False)).max()


def test_what_to_expect_of_a_small_network_is_told(plain, lowered):
  text = exporter.expectation(plain, lowered)
  assert 'times as long. This is a small network' in text
  assert f'its {len(lowered.operations)} operations ({len(plain.operations)} in the plain' in text


def test_the_plain_file_computes_what_keras_computes(generator, encoded):
  assert encoded.encoded and len(encoded.model) < 0.75 * encoded.plain_size
  assert difference(encoded, generator) < 1e-5


@pytest.mark.slow
def test_a_file_for_several_images_computes_it_too(narrow):
  """Encoded because it is asked for: it would be smaller without."""
  exported = exporter.export(sparse_generator.output(narrow), 'plain', batch_size=3, encoded=True)
  assert exported.encoded
  assert difference(exported, narrow) < 1e-5


@pytest.mark.slow
def test_a_dense_generator_is_not_encoded():
  dense = sparse_generator.prepare(tiny.generator(8), 1)
  exported = exporter.export(sparse_generator.output(dense))
  assert not exported.encoded and len(exported.model) == exported.plain_size
  assert difference(exported, dense) < 1e-5


def test_the_lowered_file_takes_the_sparse_path_and_computes_the_same(generator, lowered):
  assert fast_path.takes(lowered.operations)
  outside = {op.kind for op in lowered.operations if op.obstacle}
  assert not outside & {'CONV_2D', 'DEPTHWISE_CONV_2D', 'RESIZE_BILINEAR'}
  assert difference(lowered, generator) < 1e-5


def test_lowering_leaves_the_multiply_adds_of_the_nonzero_weights(plain, lowered):
  """Upsampled products are shared, so they may even be fewer than those of the dense layers times the density."""
  convolutions = [sum(op.multiply_adds for op in e.operations if op.kind in ('CONV_2D', 'TRANSPOSE_CONV'))
                  for e in (lowered, plain)]
  assert convolutions[0] < 0.25 * convolutions[1]


@pytest.mark.slow
def test_a_conditional_generator_is_lowered():
  generator = sparse_generator.make_conditional(0.1, 4)
  exported = exporter.export(sparse_generator.output(generator), 'sparse_lowered')
  assert fast_path.takes(exported.operations)
  assert difference(exported, generator) < 1e-4  # most pixels are saturated, and what is not is steep


@pytest.mark.slow
def test_no_operation_behind_the_conditions_cuts_the_graph_in_two():
  """Seen in WebAssembly: one that XNNPACK does not take, between what it takes, and the whole file runs densely."""
  generator = sparse_generator.make_conditional(0.1, 4)
  arrays = dead_channels.remove(residual.read(generator))
  model = tflite.convert(functools.partial(sparse_lowering.images, arrays), sparse_generator.output(generator))
  operations = fast_path.inspect(model)
  made = {op.output for op in operations if op.kind == 'FULLY_CONNECTED'}
  assert made and not any(op.kind.startswith('GATHER') and made & set(op.inputs) for op in operations)


@pytest.mark.slow
def test_too_dense_for_the_sparse_path():
  dense = sparse_generator.make(24, 1)
  exported = exporter.export(sparse_generator.output(dense), 'sparse_lowered')
  assert not fast_path.takes(exported.operations)
  assert 'more than 67 % is needed' in exported.notes[0]
  plain = exporter.export(sparse_generator.output(dense))
  assert exporter.expectation(plain, exported).startswith('What to expect: no runtime will take the sparse path for it:')
  chosen = exporter.faster(plain, exported)
  assert chosen.layout == 'plain' and 'auto took the plain layout: no runtime will' in chosen.notes[0]


@pytest.mark.slow
def test_auto_takes_the_lowered_layout_where_it_pays():
  wide = sparse_generator.make(64, 0.05)
  exported = exporter.export(sparse_generator.output(wide), 'auto')
  assert exported.layout == 'sparse_lowered' and 'times as fast as plain' in exported.notes[0]


@pytest.mark.parametrize('precision', some_slow(['fp16', 'dynamic', 'int8'], []))
def test_precisions_shrink_the_file_and_stay_near(precision):
  generator = sparse_generator.make(24, 0.1)
  exported = exporter.export(sparse_generator.output(generator), precision=precision)
  assert len(exported.model) < 0.6 * 4 * sum(v.shape.num_elements() for v in generator.variables)  # of float32
  assert difference(exported, generator) < {'fp16': 0.01, 'dynamic': 0.1, 'int8': 0.5}[precision]
  assert exported.encoded == (precision != 'dynamic') == (not exported.notes)


@pytest.mark.parametrize('arguments, message', [
    (dict(layout='sparse_lowered', precision='int8'), 'floats only'),
    (dict(layout='sparse_lowered', batch_size=4), 'one image a call'),
    (dict(layout='sparse_lowered', encoded=False), 'needs sparse encoding'),
    pytest.param(dict(encoded=True, precision='dynamic'), 'cannot load', marks=pytest.mark.slow),
])
def test_what_cannot_be_had_is_refused_with_the_reason(generator, arguments, message):
  with pytest.raises(errors.UserError, match=message):
    exporter.export(sparse_generator.output(generator), **arguments)


def test_auto_falls_back_and_says_why(narrow):
  exported = exporter.export(sparse_generator.output(narrow), 'auto', batch_size=2)
  assert exported.layout == 'plain' and 'one image a call' in exported.notes[0]


class Mlp(keras.Model):
  """A generator of another kind."""

  def __init__(self):
    super().__init__()
    self.latent_size, self.num_classes = 4, 0
    self.dense = keras.layers.Dense(12)

  def call(self, latents, labels=None, training=False):
    return tf.reshape(self.dense(latents), [-1, 2, 2, 3])


def test_other_generators_have_the_plain_layout():
  other = Mlp()
  other(tf.zeros([1, 4]))
  assert difference(exporter.export(sparse_generator.output(other), 'auto'), other) < 1e-6
  with pytest.raises(errors.UserError, match='residual blocks'):
    exporter.export(sparse_generator.output(other), 'sparse_lowered')


def test_explain_tells_each_layer_its_operations_and_the_rule_that_stops_it(encoded, lowered):
  text = description.explain(lowered.operations, 'generator')
  def row(text):  # of several lines
    return re.search(r'^block3/conv2 .*\n( .*\n)*', text, re.MULTILINE)[0]
  assert 'depthwise_conv_2d' in row(text) and row(text).splitlines()[0].endswith('yes')
  text = description.explain(encoded.operations, 'generator')
  assert max(map(len, text.splitlines())) <= 120
  assert 'only 1 x 1 is taken, and 3 x 3 of stride 2' in ' '.join(row(text).split())
  assert text.splitlines()[-1].startswith('total')


def test_explain_tells_the_layers_of_any_network_apart():
  operations = [fast_path.Operation(f'a_to_b/block1/{layer}/Conv2D;more', 'CONV_2D', (1, 4, 4, 2), 10)
                for layer in ('conv1', 'conv2')]
  rows = description.explain(operations, 'a_to_b').splitlines()
  assert [row.split()[0] for row in rows[1:3]] == ['block1/conv1', 'block1/conv2']


def test_the_description_has_the_density_of_each_layer(generator):
  described = description.describe(sparse_generator.output(generator))
  assert described['density']['block3/conv2'] == pytest.approx(0.1, abs=0.08)
  assert described['inputs'] == {'latents': [16]} and described['num_classes'] == 0
  assert described['density']['project'] == 1 and len(described['weights_sha256']) == 64
