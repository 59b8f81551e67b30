"""What `tf-stugan doctor` does."""

import functools
import importlib.metadata
import os
import pathlib
import platform
import sys
import tempfile

from absl import flags
import tensorflow as tf

from tf_stugan import configuration
from tf_stugan import errors

_PACKAGES = ('tf_stugan', 'tensorflow', 'tf_keras', 'tensorflow-gan', 'tensorflow-model-optimization',
             'tensorflow-datasets', 'gin-config', 'absl-py', 'ai-edge-litert', 'scikit-learn', 'numpy')


def run(values: flags.FlagValues) -> None:
  failed = []
  look = functools.partial(_look, failed)
  look('python', lambda: f'{platform.python_version()} on {platform.platform()}')
  for package in _PACKAGES:
    look(package, functools.partial(_version, package))
  look('devices', _devices)
  look('gin_configs', configuration.config_root)
  look('cache_dir', functools.partial(_writable, values.cache_dir))
  if values.gin_file:
    configuration.load([configuration.find(f) for f in values.gin_file], values.gin_param, values.gin_module)
    _look_at_experiment(look, configuration.make_experiment(), values.data_dir, pathlib.Path(values.cache_dir))
  if failed:
    raise errors.UserError(f'{len(failed)} of these checks failed: {", ".join(failed)}.')


def _look(failed, name, find, describe=str):
  """Returns what `find` finds, and prints a line that describes it; None where the user has to do something about it."""
  found = None
  try:
    found = find()
    text = describe(found)
  except errors.UserError as error:
    failed.append(name)
    text = f'FAILED: {error}'
  sys.stdout.write(f'{name:32} {text}\n')
  return found


def _look_at_experiment(look, experiment, data_dir, cache_dir):
  """Looks at what a training would need; at what needs data only where these are there."""
  gan = look('game', lambda: configuration.make_trainer(experiment.stages()[0]).gan,
             lambda gan: f'{type(gan).__name__}, which makes {" and ".join(gan.outputs)}')
  data = look('data', lambda: experiment.load_data(data_dir), lambda data: '; '.join(
      f'{d.name}: {len(d)} images {d.image_shape}, {d.num_classes} classes' for d in data.values()))
  if data and gan and any(output.source for output in gan.outputs.values()):
    look('images to translate', lambda: experiment.load_originals(gan, data_dir),
         lambda found: '; '.join(f'{d.name}: {len(d)} images' for d in found.values()))
  evaluator = experiment.evaluator
  if data and evaluator:
    look('feature extractor', lambda: evaluator.prepare_extractor(data, cache_dir, data_dir),
         lambda _: evaluator.extractor.description)


def _devices():
  return f'{", ".join(d.name for d in tf.config.list_logical_devices())}; {os.cpu_count()} CPU cores'


def _version(package):
  try:
    return importlib.metadata.version(package)
  except importlib.metadata.PackageNotFoundError as error:
    raise errors.UserError(f'not installed; pip install {package}') from error


def _writable(folder):
  try:
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
      return f'{folder} (writable)'
  except OSError as error:
    raise errors.UserError(f'{folder}: {error.strerror}; choose another --cache_dir') from error
