"""What `tf-stugan doctor` does."""

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
from tf_stugan.commands import common

_PACKAGES = ('tf_stugan', 'tensorflow', 'tf_keras', 'tensorflow-gan', 'tensorflow-model-optimization',
             'tensorflow-datasets', 'gin-config', 'absl-py', 'ai-edge-litert', 'scikit-learn', 'numpy')


def run(values: flags.FlagValues) -> None:
  failed = []

  def check(name, fn):
    try:
      text = fn()
    except errors.UserError as error:
      failed.append(name)
      text = f'FAILED: {error}'
    sys.stdout.write(f'{name:32} {text}\n')

  check('python', lambda: f'{platform.python_version()} on {platform.platform()}')
  for package in _PACKAGES:
    check(package, lambda package=package: _version(package))
  check('devices', lambda: ', '.join(d.name for d in tf.config.list_logical_devices()) + f'; {os.cpu_count()} CPU cores')
  check('gin_configs', lambda: str(configuration.config_root()))
  check('cache_dir', lambda: _writable(values.cache_dir))
  if values.gin_file:
    configuration.load([configuration.find(f) for f in values.gin_file], values.gin_param, common.import_modules(values))
    experiment = configuration.make_experiment()
    loaded, games = {}, []

    def make():
      games.append(configuration.make_trainer(experiment.stages()[0]).gan)
      return f'{type(games[0]).__name__}, which makes {" and ".join(games[0].outputs)}'

    def load():
      loaded.update(experiment.load_data(values.data_dir))
      return '; '.join(
          f'{d.name}: {len(d)} images {d.image_shape}, {d.num_classes} classes' for d in loaded.values())

    def load_originals():
      return '; '.join(f'{d.name}: {len(d)} images' for d in experiment.load_originals(games[0], values.data_dir).values())

    def prepare():
      experiment.evaluator.prepare_extractor(loaded, pathlib.Path(values.cache_dir), values.data_dir)
      return experiment.evaluator.extractor.description

    check('game', make)
    check('data', load)
    if loaded and games and any(output.source for output in games[0].outputs.values()):
      check('images to translate', load_originals)
    if loaded and experiment.evaluator:
      check('feature extractor', prepare)
  if failed:
    raise errors.UserError(f'{len(failed)} of these checks failed: {", ".join(failed)}.')


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
