"""What is public can be had from gin: every method, source, extractor, metric, model and procedure stands in some file."""

import importlib
import inspect
import pkgutil

from tf_stugan import configuration
from tf_stugan.compat import keras
from tf_stugan.data.images import ImageSource
from tf_stugan.gans.gan import GAN
from tf_stugan.metrics.features import FeatureExtractor
from tf_stugan.procedures.procedure import Procedure
from tf_stugan.sparsity.method import SparsityMethod

PACKAGES = ('data', 'gans', 'metrics', 'models', 'procedures', 'sparsity')
BASES = (FeatureExtractor, GAN, ImageSource, Procedure, SparsityMethod, keras.Model)
ASSIGNED = ['fixed_masks.FixedMasks']  # of no use by itself: ladders and tickets assign its masks


def injectable():
  """'module.Name' of every concrete class of these kinds, and of every metric."""
  for package in PACKAGES:
    path = importlib.import_module(f'tf_stugan.{package}').__path__
    for info in pkgutil.iter_modules(path):
      module = importlib.import_module(f'tf_stugan.{package}.{info.name}')
      for name, value in vars(module).items():
        if name.startswith('_') or getattr(value, '__module__', '') != module.__name__:
          continue
        is_part = inspect.isclass(value) and issubclass(value, BASES) and not inspect.isabstract(value)
        is_metric = inspect.isfunction(value) and list(inspect.signature(value).parameters)[:2] == ['real', 'fake']
        if is_part or is_metric:
          yield f'{info.name}.{name}'


def test_everything_that_can_be_injected_stands_in_a_gin_file():
  text = '\n'.join(p.read_text() for p in configuration.config_root().rglob('*.gin'))
  names = set(injectable())
  assert {'resnet.Generator', 'dynamic_sparse.DynamicSparse', 'fid.fid', 'embedded.Digits', 'train.Train'} <= names
  assert [n for n in sorted(names) if f'@{n}' not in text and f'/{n}' not in text] == ASSIGNED
