"""A translator, exported: the file takes images, and computes what Keras does."""

import numpy as np
import pytest

from tests.export import sparse_generator
from tests.tiny import some_slow
from tf_stugan.export import check
from tf_stugan.export import description
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


@pytest.mark.parametrize('precision, largest', [('fp32', 1e-4), ('fp16', 0.05)])
def test_the_file_translates_as_keras_does(translator, precision, largest, tmp_path):
  exported = exporter.export(translator, precision=precision)
  path = tmp_path / 'translator.tflite'
  path.write_bytes(exported.model)
  assert check.compare(path, translator, check.count(translator)).largest < largest
  assert description.describe(translator)['inputs'] == {'images': [32, 24, 3]}
  density = np.mean(list(description.describe(translator)['density'].values()))
  assert exported.encoded == (density < 0.5 and precision == 'fp32')


def test_the_saved_model_does_so_too(translator, tmp_path):
  saved_model.save(translator, tmp_path / 'saved', 2)
  assert check.compare(tmp_path / 'saved', translator, 4).largest < 1e-5


def test_it_has_no_lowered_layout(translator):
  exported = exporter.export(translator, 'auto')
  assert exported.layout == 'plain' and 'only generators of residual blocks' in exported.notes[0]
