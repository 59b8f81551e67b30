"""Lines that are written past Python and past any log level, to file descriptor 2 itself."""

import logging
import os
import re
import subprocess
import sys

import absl.logging
import pytest
import tensorflow as tf

from tests import processes
from tf_stugan import errors
from tf_stugan import quiet
from tf_stugan.compat import keras
from tf_stugan.data import tfds_images
from tf_stugan.export import tflite
from tf_stugan.gans.outputs import FromNoise

_LEVEL = 'TF_CPP_MIN_LOG_LEVEL'


def write(text):
  os.write(2, text.encode())


def test_lines_are_kept_back_and_the_terminal_can_be_reached(capfd, monkeypatch):
  monkeypatch.delenv(_LEVEL, raising=False)
  write('before ')
  with quiet.hold_back() as terminal:
    write('noise ')
    os.write(terminal, b'ours ')
  write('after')
  assert capfd.readouterr().err == 'before ours after'


def test_what_was_kept_back_is_shown_where_something_fails(capfd, monkeypatch):
  monkeypatch.delenv(_LEVEL, raising=False)
  with pytest.raises(ValueError), quiet.hold_back(), quiet.hold_back():
    write('the reason')
    raise ValueError
  assert capfd.readouterr().err == 'the reason'


def test_who_interrupts_does_not_ask_for_a_reason(capfd, monkeypatch):
  monkeypatch.delenv(_LEVEL, raising=False)
  with pytest.raises(KeyboardInterrupt), quiet.hold_back():
    write('noise')
    raise KeyboardInterrupt
  assert capfd.readouterr().err == ''


def test_nothing_is_kept_back_of_who_asks(capfd, monkeypatch):
  monkeypatch.setenv(_LEVEL, '3')
  quiet.set_verbosity(1, errors_are_of_interest=False)
  with quiet.hold_back():
    write('noise')
  assert capfd.readouterr().err == 'noise'


def test_the_level_that_somebody_set_is_left_as_it_is(monkeypatch):
  for given, interest, level in ((None, False, '3'), (None, True, '2'), ('1', True, '1')):
    monkeypatch.setenv(_LEVEL, given) if given else monkeypatch.delenv(_LEVEL, raising=False)
    quiet.set_verbosity(0, interest)
    assert os.environ[_LEVEL] == level


@pytest.mark.parametrize('fails', [False, True])
@pytest.mark.parametrize('level', ['', '0'])
def test_the_library_imports_tensorflow_quietly(tmp_path, fails, level):
  """With a TensorFlow of one noisy line, which finds itself as it would without us."""
  package = tmp_path / 'tensorflow'
  package.mkdir()
  (package / '__init__.py').write_text('import os\nos.write(2, b"noise")\nfrom tensorflow import part\n')
  (package / 'part.py').write_text('raise ImportError("no libcudart")' if fails else 'number = 7')
  program = 'import sys, tf_stugan, tensorflow; print(tensorflow.part.number, tensorflow.__spec__.name, sys.meta_path)'
  done = subprocess.run(
      [sys.executable, '-c', program], capture_output=True, text=True, check=False, cwd=tmp_path,
      env={**os.environ, 'PYTHONPATH': f'{tmp_path}{os.pathsep}{processes.ROOT}', _LEVEL: level})
  assert done.returncode == fails
  assert ('noise' in done.stderr) == (fails or level == '0')
  assert ('no libcudart' in done.stderr) == fails
  assert fails or (done.stdout.startswith('7 tensorflow ') and '_TensorFlowFinder' not in done.stdout)


def test_the_converter_is_quiet(capfd, monkeypatch):
  generator = keras.Sequential([keras.layers.Dense(2)])
  generator.latent_size, generator.num_classes = 3, 0
  for level, expected in (('3', False), ('0', True)):
    monkeypatch.setenv(_LEVEL, level)
    capfd.readouterr()
    tflite.convert(generator, FromNoise('generator', generator, None, 'data'), precision='int8')
    assert bool(capfd.readouterr().err) == expected


@pytest.fixture
def levels():
  before = absl.logging.get_verbosity(), tf.get_logger().level
  yield
  absl.logging.set_verbosity(before[0])
  tf.get_logger().setLevel(before[1])


@pytest.mark.parametrize('verbosity', [0, 1])
@pytest.mark.usefixtures('levels')
def test_warnings_of_tensorflow_are_for_who_asks(monkeypatch, verbosity):
  """Such as of retracing, where a short run makes many graphs."""
  monkeypatch.setenv(_LEVEL, '3')
  quiet.set_verbosity(verbosity, errors_are_of_interest=False)
  assert tf.get_logger().isEnabledFor(logging.WARNING) == bool(verbosity)
  assert tf.get_logger().isEnabledFor(logging.ERROR)


@pytest.mark.parametrize('verbosity', [0, 1])
@pytest.mark.usefixtures('levels')
def test_tensorflow_datasets_is_quiet_about_what_is_told_in_one_line(tmp_path, monkeypatch, caplog, verbosity):
  monkeypatch.setenv(_LEVEL, '3')
  (tmp_path / 'cifar10' / '3.0.2').mkdir(parents=True)
  quiet.set_verbosity(verbosity, errors_are_of_interest=False)
  with pytest.raises(errors.DataError, match='Fetch it once'):
    tfds_images.TFDSImages('cifar10').load(str(tmp_path))
  assert bool([record for record in caplog.records if record.name == 'absl']) == bool(verbosity)


@pytest.mark.slow
def test_a_training_prints_its_own_lines_and_no_others(tmp_path):
  """Of a run that takes 64-bit numbers through what its processor may have no instructions for."""
  environment = {name: value for name, value in os.environ.items() if name != _LEVEL}
  done = subprocess.run(
      [sys.executable, '-m', 'tf_stugan.cli', 'train', f'--workdir={tmp_path}/a', f'--cache_dir={tmp_path}/cache',
       *(f'--gin_file={name}' for name in ('sngan_cifar10_stugan.gin', 'runs/tiny.gin', 'runs/noise.gin')),
       '--gin_param=NUM_STEPS = 2', '--gin_param=train.Train.report_interval = 1'],
      capture_output=True, text=True, check=True, env={**environment, 'PYTHONPATH': str(processes.ROOT)})
  assert 'step 2/2' in done.stderr
  assert [line for line in done.stderr.splitlines() if not re.match(r'\d\d:\d\d:\d\d |  ', line)] == []


@pytest.mark.slow
def test_the_real_one_is_quiet_too(tmp_path):
  for program in (
      ['-c', 'from tf_stugan.export import exporter'], ['-m', 'tf_stugan.cli', 'doctor', f'--cache_dir={tmp_path}']):
    environment = {name: value for name, value in os.environ.items() if name != _LEVEL}
    done = subprocess.run([sys.executable, *program], capture_output=True, text=True, check=True,
                          env={**environment, 'PYTHONPATH': str(processes.ROOT)})
    assert done.stderr == ''
