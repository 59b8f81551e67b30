import os
import pathlib

import numpy as np
import pytest

from tests import processes
from tests.export import sparse_generator
from tf_stugan import errors
from tf_stugan import rng
from tf_stugan.export import check
from tf_stugan.export import difference
from tf_stugan.export import onnx_file
from tf_stugan.export import saved_model
from tf_stugan.export import tflite


@pytest.fixture(scope='module')
def generator():
  return sparse_generator.make(8)


@pytest.fixture
def reference(generator, tmp_path):
  latents, labels = rng.latents(np.arange(4), 16), np.zeros(4, np.int32)
  np.savez(tmp_path / 'reference.npz', latents=latents, labels=labels, made=generator(latents, training=False))
  return tmp_path / 'reference.npz'


def write(generator, path: pathlib.Path, change=0.0):
  path.write_bytes(tflite.convert(
      lambda latents: generator(latents, training=False) + change, sparse_generator.output(generator)))
  return path


@pytest.mark.parametrize('change', [pytest.param(0.0, marks=pytest.mark.slow), 0.25])
def test_the_difference_is_that_of_the_images(generator, reference, tmp_path, change):
  largest, mean = difference.difference(write(generator, tmp_path / 'g.tflite', change), reference)
  assert largest == pytest.approx(change, abs=1e-5) and mean == pytest.approx(change, abs=1e-5)


@pytest.mark.slow
def test_a_saved_model(generator, reference, tmp_path):
  saved_model.save(sparse_generator.output(generator), tmp_path / 'saved', 2)
  assert difference.difference(tmp_path / 'saved', reference).largest < 1e-6


@pytest.mark.parametrize('size', [1, 3, 4, 7])
def test_batches_need_not_divide_the_images(size):
  def run(batch):
    assert len(batch['latents']) == size
    return 2 * batch['latents']
  latents = np.arange(8.).reshape(4, 2)
  np.testing.assert_array_equal(difference.run_batches(run, {'latents': latents}, size), 2 * latents)


@pytest.mark.slow
def test_in_another_process_that_needs_no_tensorflow(generator, tmp_path, monkeypatch):
  (tmp_path / 'tensorflow.py').write_text('raise ImportError("It was imported.")')
  monkeypatch.setenv('PYTHONPATH', f'{tmp_path}{os.pathsep}{processes.ROOT}')
  assert check.compare(write(generator, tmp_path / 'g.tflite'), sparse_generator.output(generator), 4).largest < 1e-5


@pytest.mark.slow
def test_nan_and_broken_files_are_refused(generator, tmp_path):
  with pytest.raises(errors.UserError, match='NaN'):
    check.compare(write(generator, tmp_path / 'g.tflite', np.nan), sparse_generator.output(generator), 4)
  (tmp_path / 'broken.tflite').write_bytes(b'nonsense' * 100)
  with pytest.raises(errors.UserError, match='cannot be run'):
    check.compare(tmp_path / 'broken.tflite', sparse_generator.output(generator), 4)


def test_a_file_that_takes_too_long_is_told_in_one_line(generator, tmp_path, monkeypatch):
  monkeypatch.setattr(check, '_MAX_SECONDS', 0.01)
  (tmp_path / 'g.tflite').touch()
  with pytest.raises(errors.UserError, match='takes more than 0.01 seconds here for the 4 images') as info:
    check.compare(tmp_path / 'g.tflite', sparse_generator.output(generator), 4)
  assert '\n' not in str(info.value)


@pytest.mark.parametrize('density', [0.1, 1])
@pytest.mark.parametrize('make', [lambda density: sparse_generator.make(8, density), sparse_generator.make_conditional])
def test_onnx_is_exact_dense_and_masked(make, density, tmp_path):
  """In onnxruntime, two images a call."""
  pytest.importorskip('tf2onnx')
  output = sparse_generator.output(make(density))
  (tmp_path / 'g.onnx').write_bytes(onnx_file.convert(output, 2, {'tf_stugan': 'x'}))
  assert check.compare(tmp_path / 'g.onnx', output, 4).largest < 1e-4
  assert b'{"tf_stugan": "x"}' in (tmp_path / 'g.onnx').read_bytes()


@pytest.mark.parametrize('missing', ['tf2onnx', 'onnxruntime'])
def test_what_onnx_needs_is_named(missing, monkeypatch):
  monkeypatch.setattr('importlib.util.find_spec', lambda name: None if name == missing else name)
  with pytest.raises(errors.UserError, match=f"needs {missing}: pip install 'tf_stugan\\[onnx\\]'"):
    onnx_file.check_installed()
