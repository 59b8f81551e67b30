"""The conditions of the sparse path, on small graphs that keep all but one of them."""

import numpy as np
import pytest
import tensorflow as tf

from tf_stugan.export import cluster
from tf_stugan.export import fast_path
from tf_stugan.layers.style import LayerStyle
from tf_stugan.models import resnet

RNG = np.random.default_rng(0)


def sparse(inputs, outputs, density=0.1):
  return (RNG.standard_normal([inputs, outputs]) * (RNG.random([inputs, outputs]) < density)).astype(np.float32)


def inspect(graph, encoded=True):
  """Operations of a graph: image [1, 16, 16, 3] -> [1, 16, 16, 3]."""
  serve = tf.function(graph, input_signature=[tf.TensorSpec([1, 16, 16, 3])], autograph=False)
  converter = tf.lite.TFLiteConverter.from_concrete_functions([serve.get_concrete_function()])
  converter.optimizations = [tf.lite.Optimize.EXPERIMENTAL_SPARSITY] if encoded else []
  return fast_path.inspect(converter.convert())


def chain(change=lambda x: x, density=0.1):
  """In, two sparse products around `change`, out."""
  first, last = sparse(12, 40, density), sparse(40, 12, density)
  def graph(image):
    x = cluster.product(cluster.enter(image), first)
    return tf.nn.depth_to_space(cluster.product(change(x), last), 2)
  return graph


def obstacles(operations):
  return {op.obstacle for op in operations if op.obstacle}


@pytest.mark.parametrize('change', [
    lambda x: x, tf.nn.relu, lambda x: cluster.shift(x, (0, 1)), lambda x: tf.nn.relu(x) + x, lambda x: x * tf.tanh(x)])
def test_what_is_taken(change):
  operations = inspect(chain(change))
  assert obstacles(operations) == set()
  assert fast_path.takes(operations)


def test_multiply_adds_are_those_of_nonzero_weights():
  operations = inspect(chain())
  products = [op for op in operations if op.filter_size]
  assert [op.dense_multiply_adds for op in products] == [64 * 480] * 2
  assert all(op.multiply_adds == 64 * op.filter_nonzeros for op in products)
  assert all(20 < op.filter_nonzeros < 90 for op in products)


@pytest.mark.parametrize('change, message', [
    (lambda x: tf.nn.conv2d(x, RNG.standard_normal([3, 3, 40, 40]), 1, 'SAME'), '3 x 3 convolution of stride 1 over 40'),
    (lambda x: tf.concat([x[..., :20], x[..., 20:]], -1), 'takes a value from outside'),
    (lambda x: tf.nn.max_pool2d(x, 3, 1, 'SAME'), 'MAX_POOL_2D is no operation of the sparse path'),
])
def test_one_foreign_operation_loses_the_cluster(change, message):
  operations = inspect(chain(change))
  assert not fast_path.takes(operations)
  assert any(message in obstacle for obstacle in obstacles(operations))


def test_a_value_that_is_used_outside_loses_it():
  def graph(image):
    x = cluster.product(cluster.enter(image), sparse(12, 12))
    return tf.nn.depth_to_space(x, 2), tf.reshape(x, [64, 12])
  operations = inspect(graph)
  assert any('used outside' in obstacle for obstacle in obstacles(operations))


def test_too_few_zeros():
  operations = inspect(chain(density=0.5))
  assert not fast_path.takes(operations)
  assert any('more than 67 % is needed' in obstacle for obstacle in obstacles(operations))


def test_a_split_in_many_parts_before_the_cluster():
  inside = chain()
  operations = inspect(lambda image: inside(tf.add_n(tf.split(tf.pad(image, [[0, 0]] * 3 + [[0, 12]]), 5, -1))))
  assert any('split in 5 parts' in obstacle for obstacle in obstacles(operations))


def test_generators_that_cut_their_latents_do_it_without_a_split():
  generator = resnet.Generator(4, (4, 3, 2, 2, 1), LayerStyle(), 20, num_classes=5, shared_embedding=6)
  graph = tf.function(lambda z, y: generator.conditions(z, y)).get_concrete_function(
      tf.TensorSpec([1, 20]), tf.TensorSpec([1], tf.int32)).graph
  assert len({op.type for op in graph.get_operations()} & {'StridedSlice'}) == 1
  assert not any('Split' in op.type for op in graph.get_operations())


def test_without_sparse_encoding():
  assert obstacles(inspect(chain(), encoded=False)) == {'no weight of the file is stored sparsely'}


def test_without_the_way_out():
  operations = inspect(lambda image: cluster.product(cluster.enter(image), sparse(12, 12)))
  assert not fast_path.takes(operations)
