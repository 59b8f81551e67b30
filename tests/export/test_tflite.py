import numpy as np
import pytest
import tensorflow as tf

from tf_stugan.export import tflite
from tf_stugan.models import sngan
from tf_stugan.sparsity.masks import apply_masks
from tf_stugan.sparsity.static_sparse import StaticSparse
from tf_stugan.training import layer_choice


@pytest.fixture(scope='module')
def generator():
  result = sngan.Generator(32, 16)
  result(tf.random.stateless_normal([16, 16], [1, 2]), training=True)  # running statistics other than the initial ones
  masked = layer_choice.conv_only(result)
  StaticSparse(0.1).initialize(masked, tf.constant([1, 2]))
  apply_masks(masked)
  return result


@pytest.mark.parametrize('batch_size, sparse', [(1, True), (1, False), (3, None)])
def test_the_file_computes_what_keras_computes(generator, batch_size, sparse):
  exported = tflite.convert(generator, batch_size, sparse)
  largest, mean = tflite.parity(exported.model, generator, count=8)
  assert mean <= largest < 1e-5


def test_a_sparse_generator_is_encoded_and_becomes_smaller(generator):
  exported = tflite.convert(generator)
  assert exported.sparse
  assert len(exported.model) < 0.75 * exported.plain_size


def test_a_dense_generator_is_not_encoded():
  dense = sngan.Generator(8, 16)
  dense(tf.zeros([1, 16]))
  exported = tflite.convert(dense)
  assert not exported.sparse
  assert len(exported.model) == exported.plain_size


def test_parity_sees_a_difference(generator):
  exported = tflite.convert(generator)
  bias = generator.to_rgb.bias
  before = bias.numpy()
  bias.assign(before + 0.1)
  largest, _ = tflite.parity(exported.model, generator, count=4)
  bias.assign(before)
  assert largest > 1e-3


def test_the_input_is_named_and_static(generator):
  interpreter = tflite.Interpreter(model_content=tflite.convert(generator, 2).model)
  detail, = interpreter.get_input_details()
  assert 'latents' in detail['name']
  np.testing.assert_array_equal(detail['shape'], [2, 16])
