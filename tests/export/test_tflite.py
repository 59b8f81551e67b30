import functools

import numpy as np
import pytest
import tensorflow as tf

from tests.export import sparse_generator
from tf_stugan import errors
from tf_stugan import litert
from tf_stugan.export import fast_path
from tf_stugan.export import tflite


@pytest.fixture(scope='module')
def model():
  generator = sparse_generator.make(8)
  return tflite.convert(functools.partial(generator, training=False), sparse_generator.output(generator), 2)


def test_inputs_are_named_and_static(model):
  detail, = litert.Interpreter(model_content=model).get_input_details()
  assert 'latents' in detail['name']
  np.testing.assert_array_equal(detail['shape'], [2, 16])


def test_the_network_is_called_once(monkeypatch):
  """Keras, asked to save layers, would call each of them several times; it takes most of an export."""
  generator = sparse_generator.make(8)
  calls, call = [], type(generator).call
  monkeypatch.setattr(type(generator), 'call', lambda *args, **kwargs: calls.append(1) or call(*args, **kwargs))
  tflite.convert(functools.partial(generator, training=False), sparse_generator.output(generator))
  assert len(calls) == 1


@pytest.mark.slow
def test_a_conditional_generator_takes_labels():
  generator = sparse_generator.make_conditional()
  model = tflite.convert(functools.partial(generator, training=False), sparse_generator.output(generator))
  names = {d['name'].removeprefix('serving_default_').split(':')[0]: d['dtype']
           for d in litert.Interpreter(model_content=model).get_input_details()}
  assert names == {'latents': np.float32, 'labels': np.int32}


def test_depth_first_each_operation_comes_just_before_what_needs_it():
  def graph(x):  # the converter leaves the products together, and then the sum
    return tf.add_n([tf.tanh(tf.nn.relu(x + i) * i) for i in range(1, 5)])
  serve = tf.function(lambda x: {'images': graph(x)}, input_signature=[tf.TensorSpec([1, 2, 2, 3])])
  model = tf.lite.TFLiteConverter.from_concrete_functions([serve.get_concrete_function()]).convert()
  ordered = tflite.order_depth_first(model)
  kinds = [op.kind for op in fast_path.inspect(ordered)]
  assert kinds == ['ADD', 'TANH', *['ADD', 'MUL', 'TANH'] * 3, 'ADD_N']
  assert sorted(kinds) == sorted(op.kind for op in fast_path.inspect(model))
  x = np.linspace(-1, 1, 12, dtype=np.float32).reshape(1, 2, 2, 3)
  np.testing.assert_array_equal(litert.run(ordered, x), litert.run(model, x))


def test_labels_are_looked_up_before_anything_else():
  def graph(x, labels):
    return tf.tanh(tf.nn.relu(x) @ np.ones([3, 3], np.float32)) * tf.gather(np.eye(3, dtype=np.float32), labels)
  serve = tf.function(lambda x, labels: {'images': graph(x, labels)},
                      input_signature=[tf.TensorSpec([1, 3]), tf.TensorSpec([1], tf.int32)])
  model = tf.lite.TFLiteConverter.from_concrete_functions([serve.get_concrete_function()]).convert()
  kinds = [op.kind for op in fast_path.inspect(tflite.order_depth_first(model))]
  assert kinds[0] in ('GATHER', 'EMBEDDING_LOOKUP') and kinds[1:] == ['RELU', 'FULLY_CONNECTED', 'TANH', 'MUL']


def test_metadata_is_kept_and_the_model_is_the_same(model):
  described = tflite.add_metadata(model, {'density': {'block1/conv1': 0.5}, 'step': 7})
  assert tflite.metadata(described) == {'density': {'block1/conv1': 0.5}, 'step': 7}
  latents = np.ones([3, 16], np.float32)
  np.testing.assert_array_equal(litert.run(described, latents), litert.run(model, latents))


def test_a_file_without_metadata(model):
  with pytest.raises(errors.UserError, match='no metadata'):
    tflite.metadata(model)
