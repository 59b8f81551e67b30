"""The only file that knows which Keras is used, how TF-GAN is imported, and any private name of another package.

* tensorflow-model-optimization 0.8 needs the Keras 2 API, so the project uses `tf_keras` throughout.
* TF-GAN 2.1.0 imports `tf.estimator`, which TensorFlow removed in 2.16. Nothing that this project uses needs it, so an
  empty stand-in is enough.
* TF-GAN imports tensorflow_hub, which only Inception needs; where it is not installed, an empty stand-in is enough, too.
"""

from collections.abc import Callable, Mapping
import contextlib
import copy
import gc
import importlib.util
import io
import sys
import types
from typing import NamedTuple
import warnings

import gin
import tensorflow as tf
import tf_keras as keras
from tensorflow.python.framework import ops
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2 as frozen

from tf_stugan import errors

with warnings.catch_warnings():
  # TF-GAN pulls in tensorflow_hub (pkg_resources) and distutils, both deprecated; neither is ours to mend.
  warnings.simplefilter('ignore')
  if not hasattr(tf, 'estimator'):
    tf.estimator = types.SimpleNamespace(SessionRunHook=tf.compat.v1.train.SessionRunHook)
    sys.modules.setdefault(
        'tensorflow_gan.python.estimator', types.ModuleType('tensorflow_gan.python.estimator'))
  without_hub = importlib.util.find_spec('tensorflow_hub') is None
  if without_hub:
    sys.modules['tensorflow_hub'] = types.ModuleType('tensorflow_hub')
  import tensorflow_gan as tfgan
  if without_hub:  # whoever wants it is to hear that it is not there
    del sys.modules['tensorflow_hub']
  from tensorflow_model_optimization.python.core.sparsity.keras.pruning_schedule import PolynomialDecay

# TensorFlow's remapper (fusion of convolution, bias and activation) fails on the training step and says so on every run;
# the graph stays as it was, so nothing is lost by not asking it.
tf.config.optimizer.set_experimental_options({'remapping': False})

__all__ = [
    'Binding', 'PolynomialDecay', 'adam_slots', 'assign', 'collect_graphs', 'frozen', 'gin_bindings',
    'gin_macro_value', 'gin_reference', 'keras', 'preserve_gin', 'restrict_gin', 'precision', 'tfgan']


def assign(variable: tf.Variable, value: tf.Tensor) -> None:
  """Assigns a value that every replica has computed alike, with no communication between replicas.

  A plain `assign` on a mirrored variable inside a replica asks for an aggregation and broadcasts; masks, averages and
  singular vectors are functions of all-reduced gradients and mirrored weights, so each replica may write its own copy.
  """
  context = tf.distribute.get_replica_context()
  if context is None or not tf.distribute.has_strategy():
    variable.assign(value)
    return
  context.merge_call(
      lambda strategy, value: strategy.extended.update(
          variable, lambda v, x: v.assign(x), args=(value,), group=False),
      args=(value,))


def collect_graphs() -> None:
  """Frees graphs that nobody uses. Gradients through a `tf.custom_gradient` in one that is used cannot be taken later.

  TensorFlow registers each such gradient for good, and with it the whole graph that it is in: a training step, its networks.
  """
  registry = ops.gradient_registry._registry  # pylint: disable=protected-access
  for name in [name for name in registry if name.startswith('CustomGradient-')]:
    del registry[name]
  gc.collect()


@contextlib.contextmanager
def precision(name: str):
  """Lets layers that are made in it compute in 'float32', 'bfloat16' or 'float16', with float32 variables."""
  policies = {'float32': 'float32', 'bfloat16': 'mixed_bfloat16', 'float16': 'mixed_float16'}
  if name not in policies:
    raise errors.UserError(f'precision is one of {", ".join(policies)}; got {name!r}.')
  before = keras.mixed_precision.global_policy()
  keras.mixed_precision.set_global_policy(policies[name])
  try:
    yield
  finally:
    keras.mixed_precision.set_global_policy(before)


def adam_slots(optimizer: keras.optimizers.Optimizer, variable: tf.Variable) -> list[tf.Variable]:
  """Returns the per-weight state that a (built) Adam or SGD keeps for `variable`; empty for an optimizer without any."""
  if hasattr(optimizer, '_get_variable_index'):  # Keras 3
    index = optimizer._get_variable_index(variable)  # pylint: disable=protected-access
  else:
    index = optimizer._index_dict[optimizer._var_key(variable)]  # pylint: disable=protected-access
  slots = []
  for name in ('_momentums', '_velocities', 'momentums'):
    if getattr(optimizer, name, None):
      slots.append(getattr(optimizer, name)[index])
  return slots


@contextlib.contextmanager
def restrict_gin(texts: Mapping[str, str], check: Callable[[str, object], None]):
  """Gives gin, while entered, no files but `texts`, {path: text}, and has it call `check(selector, object)` before it makes
  anything configurable that a text refers to."""
  builtins = (gin.config.macro, gin.config._retrieve_constant, gin.config.singleton)  # pylint: disable=protected-access

  class Limited(gin.config.ParseContext):

    def get_configurable(self, selector):
      if self._dynamic_registration:
        thing = self._resolve_selector(selector)[1][-1]
      else:
        thing = getattr(gin.config._REGISTRY.get_match(selector), 'wrapped', None)  # pylint: disable=protected-access
      if thing not in (None, *builtins):
        check(selector, thing)
      return super().get_configurable(selector)

  def stream(path):
    result = io.StringIO(texts[path])
    result.name = path  # for messages
    return result

  config = gin.config
  before = config.ParseContext, config._FILE_READERS  # pylint: disable=protected-access
  config.ParseContext, config._FILE_READERS = Limited, [(stream, texts.__contains__)]  # pylint: disable=protected-access
  try:
    yield
  finally:
    config.ParseContext, config._FILE_READERS = before  # pylint: disable=protected-access


@contextlib.contextmanager
def preserve_gin():
  """Has gin work on copies of all that it keeps while entered; afterwards it has what it had, and nothing more."""
  config = gin.config
  names = ('_REGISTRY', '_INVERSE_REGISTRY', '_RENAMED_SELECTORS', '_CONFIG', '_IMPORTS', '_OPERATIVE_CONFIG',
           '_FINALIZE_HOOKS', '_CONFIG_IS_LOCKED', '_CONSTANTS', '_PARSE_CONTEXTS', '_SINGLETONS', '_FILE_READERS',
           '_LOCATION_PREFIXES')
  before = {name: getattr(config, name) for name in names}
  try:
    for name, value in before.items():
      copied = copy.copy(value)
      if hasattr(copied, '_selector_tree'):  # whose inner nodes its own copy shares
        copied._selector_tree = copy.deepcopy(value._selector_tree)  # pylint: disable=protected-access
      setattr(config, name, copied)
    with gin.config_scope(None):
      yield
  finally:
    for name, value in before.items():
      setattr(config, name, value)


class Binding(NamedTuple):
  """What gin has bound: `parameter` of the class or function `target`; `name` as messages call it ('Class.parameter')."""

  name: str
  target: Callable
  parameter: str
  value: object


def gin_bindings() -> list[Binding]:
  """Returns all bindings of the present configuration but macros."""
  found = []
  for (_, selector), parameters in gin.config._CONFIG.items():  # pylint: disable=protected-access
    target = gin.config._REGISTRY[selector].wrapped  # pylint: disable=protected-access
    if target is not gin.config.macro:
      found += [Binding(f'{selector.split(".")[-1]}.{name}', target, name, value) for name, value in parameters.items()]
  return found


def gin_reference(value: object) -> tuple[object, bool] | None:
  """Returns (class or function, whether it is called) of a value '@name' or '@name()'; None of any other value."""
  if not isinstance(value, gin.config.ConfigurableReference):
    return None
  return value.configurable.wrapped, value.evaluate


def gin_macro_value(value: object) -> object:
  """Returns what '%NAME' stands for, however many names it goes through; any other value as it is."""
  while (reference := gin_reference(value)) and reference[0] is gin.config.macro:
    value = gin.query_parameter(f'{"/".join(value.scopes)}/gin.macro.value')
  return value
