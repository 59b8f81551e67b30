"""A translator, exported: the file takes images, and computes what Keras does."""

import numpy as np
import pytest

from tests.export import sparse_generator
from tests.tiny import some_slow
from tf_stugan import litert
from tf_stugan.export import check
from tf_stugan.export import description
from tf_stugan.export import difference
from tf_stugan.export import exporter
from tf_stugan.export import saved_model
from tf_stugan.gans import outputs
from tf_stugan.layers.style import LayerStyle
from tf_stugan.models import cyclegan


@pytest.fixture(scope='module', params=some_slow([1.0, 0.1], [0.1]))
def translator(request):
  network = cyclegan.Translator(4, LayerStyle(), 1)
  network(np.zeros([1, 32, 24, 3], np.float32))
  sparse_generator.mask(network, request.param)
  return outputs.FromImages('a_to_b', network, None, 'b', 'a', (32, 24, 3), back='a')


@pytest.mark.slow
def test_the_file_translates_as_keras_does_and_has_no_lowered_layout(translator, tmp_path):
  exported = exporter.export(translator, 'auto')
  path = tmp_path / 'translator.tflite'
  path.write_bytes(exported.model)
  assert check.compare(path, translator, check.count(translator)).largest < 1e-4
  assert description.describe(translator)['inputs'] == {'images': [32, 24, 3]}
  density = np.mean(list(description.describe(translator)['density'].values()))
  assert exported.encoded == (density < 0.5)
  assert exported.layout == 'plain' and 'only generators of residual blocks' in exported.notes[0]


@pytest.mark.slow
def test_half_precision_stays_near(translator):
  images, = translator.inputs(np.arange(2))
  made = litert.run(exporter.export(translator, precision='fp16').model, images)
  assert np.abs(made - translator.network(images, training=False)).max() < 0.05


@pytest.mark.slow
def test_the_saved_model_does_so_too(translator, tmp_path):
  saved_model.save(translator, tmp_path / 'saved', 2)
  images, = translator.inputs(np.arange(4))
  np.savez(tmp_path / 'reference.npz', images=images, made=translator.network(images, training=False))
  assert difference.difference(tmp_path / 'saved', tmp_path / 'reference.npz').largest < 1e-5
