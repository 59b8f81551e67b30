import functools

import numpy as np
import pytest

from tests.export import sparse_generator
from tf_stugan import errors
from tf_stugan import litert
from tf_stugan.export import tflite


@pytest.fixture(scope='module')
def model():
  generator = sparse_generator.make(8)
  return tflite.convert(functools.partial(generator, training=False), sparse_generator.output(generator), 2)


def test_inputs_are_named_and_static(model):
  detail, = litert.Interpreter(model_content=model).get_input_details()
  assert 'latents' in detail['name']
  np.testing.assert_array_equal(detail['shape'], [2, 16])


def test_a_conditional_generator_takes_labels():
  generator = sparse_generator.make_conditional()
  model = tflite.convert(functools.partial(generator, training=False), sparse_generator.output(generator))
  names = {d['name'].removeprefix('serving_default_').split(':')[0]: d['dtype']
           for d in litert.Interpreter(model_content=model).get_input_details()}
  assert names == {'latents': np.float32, 'labels': np.int32}


def test_metadata_is_kept_and_the_model_is_the_same(model):
  described = tflite.add_metadata(model, {'density': {'block1/conv1': 0.5}, 'step': 7})
  assert tflite.metadata(described) == {'density': {'block1/conv1': 0.5}, 'step': 7}
  latents = np.ones([3, 16], np.float32)
  np.testing.assert_array_equal(litert.run(described, latents), litert.run(model, latents))


def test_a_file_without_metadata(model):
  with pytest.raises(errors.UserError, match='no metadata'):
    tflite.metadata(model)
