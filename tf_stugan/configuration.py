"""Gin at the edge: reading configuration files, and telling a user in one line what is wrong with them.

Gin files use dynamic registration: they import the modules they configure, so a class of the user's own needs no
registration anywhere. What they may import is decided in `gin_limits`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
import contextlib
import copy
import functools
import importlib
import inspect
import os
import pathlib
import re
import sys
import traceback
from typing import Any

import gin

from tf_stugan import compat
from tf_stugan import errors
from tf_stugan import gin_limits
from tf_stugan import gin_types
from tf_stugan.gin_files import bindings_of
from tf_stugan.gin_files import config_root
from tf_stugan.gin_files import did_you_mean
from tf_stugan.gin_files import find  # noqa: F401  (callers have it from here)

_EXPERIMENT = 'Experiment'
_STUDY = 'Study'
_WORDING = (  # what gin says, and what is said instead
    (r'Could not find Experiment in the Gin registry\.|.*?Experiment\.__init__\(\) missing 4 required .*',
     'There is no experiment in these files: the first --gin_file is one (tf-stugan list experiments), others go on top.'),
    (r'(?:Required bindings.*|)(\S+?)(?:/macro\.value)? set to `%gin\.REQUIRED` but not subsequently overridden\.',
     r"\1 has to be set, and nothing sets it: --gin_param='\1 = ...'"),
    (r"No bindings specified for '([\w/]+)/gin\.macro' in config string.*",
     r'\1 is asked for, and nothing in this experiment sets it.'),
    (r"Couldn't resolve selector (\S+); <module '([\w.]+)'.*?has no attribute (\w+)\.", r"there is no \1: \2 has no '\3'."),
    (r"'(\w+)' was not provided by an import statement\.", r"'\1' is imported nowhere in this file."),
    (r"Configurable '(\S+)' doesn't have a parameter named '(\w+)'\.", r"\1 has no parameter '\2'."),
    (r"No configurable matching (?:reference )?'@?(\S+?)(?:\(\))?'\.",
     r"there is no '\1': a file begins with `from __gin__ import dynamic_registration`, and imports what it names."),
    (r"Reference '@(\S+)' must be evaluated.*", r'\1 is a macro: write %\1.'),
    (r'.*?(\w+)(?:\.__init__)?\(\) missing \d+ required positional arguments?: (.*)',
     r'\1 needs \2, which nothing in this experiment sets.'),
)


def import_modules(names: Sequence[str]) -> None:
  """Imports modules of the user's own, which may lie in the working directory.

  Raises:
    UserError: there is no such module, or it fails.
  """
  if os.getcwd() not in sys.path:
    sys.path.append(os.getcwd())  # where `python -m` would find it; after everything that is installed
  for name in names:
    try:
      importlib.import_module(name)
    except Exception as error:  # pylint: disable=broad-except  (whatever somebody's code raises)
      place = traceback.extract_tb(error.__traceback__)[-1]
      where = f' ({place.filename}, line {place.lineno})' if 'importlib' not in place.filename else ''
      raise errors.UserError(f'--gin_module={name}: {type(error).__name__}: {error}{where}') from error


def load(files: Sequence[pathlib.Path], bindings: Sequence[str] = (), modules: Sequence[str] = (),
         complete: bool = True) -> None:
  """Parses files, then bindings on top of them; afterwards `make_experiment` can be called.

  Args:
    files: gin files.
    bindings: one 'NAME = value' each.
    modules: names of modules beside this library's own that files may import; they are imported.
    complete: whether something that has to be set and is not is an error; otherwise there is more to come.

  Raises:
    UserError: a name that does not exist, a file that does not parse, or that reaches for what it may not.
  """
  import_modules(modules)
  gin.clear_config()
  gin.add_config_file_search_path(str(config_root()))
  texts = gin_limits.read(files, modules)
  gin_limits.check_bindings(bindings, texts, modules)
  check = functools.partial(gin_limits.check_configurable, modules=modules)
  with compat.restrict_gin(texts, check):
    _in_one_line(gin.parse_config_files_and_bindings, list(map(str, files)), [], finalize_config=False)
    parsed = snapshot()
    for binding in bindings:
      _parse_binding(binding, parsed)
  if complete:
    _in_one_line(gin.finalize)


def _in_one_line(parse: Callable, *args, **kwargs):
  """Calls a function of gin's, whose errors (ValueError, SyntaxError, ImportError, its own ...) become UserErrors."""
  try:
    parse(*args, **kwargs)
  except Exception as error:  # pylint: disable=broad-except
    raise errors.UserError(_one_line(error)) from error


def _parse_binding(binding, parsed):
  """Parses one binding on top of the files, whose snapshot is `parsed`.

  It may use whatever the files import, and name a class that they bind without its module ('DynamicSparse.density').
  """
  full_names = [known.split('/')[-1].rpartition('.')[0] for known in bindings_of(parsed) if known.count('.') == 2]
  qualified = {known.split('.')[1]: known for known in full_names}
  expanded = re.sub(
      r'^(\s*(?:\w+/)*)(\w+)(\.\w+\s*=)', lambda m: m[1] + qualified.get(m[2], m[2]) + m[3], binding)
  imports = [line for line in parsed.splitlines() if line.startswith(('import ', 'from '))]
  try:
    gin.parse_config('\n'.join([*imports, expanded]))
  except Exception as error:  # pylint: disable=broad-except
    message = _reworded(str(error).splitlines()[0]) + _hint(binding, qualified)
    raise errors.UserError(f'--gin_param={binding!r}: {message}') from error


def _hint(binding, qualified):
  """Names what is nearest to what 'Class.parameter = value' calls the class, or the parameter."""
  match = re.match(r'\s*(?:\w+/)*(?:\w+\.)*(\w+)\.(\w+)\s*=', binding)
  if not match:
    return ''
  if match[1] not in qualified:
    return did_you_mean(match[1], qualified)
  configurable = gin.get_configurable(qualified[match[1]])
  parameters = inspect.signature(configurable.__init__ if inspect.isclass(configurable) else configurable).parameters
  return '' if match[2] in parameters else did_you_mean(match[2], parameters)


def check_in_use(file: pathlib.Path) -> None:
  """Refuses a file of which the loaded configuration uses nothing: an ablation on a method that it does nothing for.

  Raises:
    UserError: the experiment reaches no parameter that the file binds or, where it sets macros alone, none of them.
  """
  own = {_unscoped(name) for name in re.findall(r'^([\w./]+)\s*=', file.read_text(), re.MULTILINE)}
  own = {name for name in own if '.' in name} or own
  if own and not own & _reached(bindings_of(snapshot())):
    names = sorted({name.split('.')[0] for name in own})
    raise errors.UserError(f'--gin_file={file.name} changes nothing here: this experiment has no use for '
                           f'{", ".join(names)}. The first lines of the file tell what it is for.')


def idle_parameters(file: pathlib.Path) -> list[str]:
  """Finds what a file sets on something that it brings itself, and in whose place a later file has put something else."""
  text = file.read_text()
  own = {_unscoped(name) for name in re.findall(r'^([\w./]+)\s*=', text, re.MULTILINE)}
  brought = {name.split('.')[-1] for name in re.findall(r'@([\w./]+)', text)}
  return sorted(name for name in own - _reached(bindings_of(snapshot())) if name.split('.')[0] in brought)


def is_idle(binding: str) -> bool:
  """Tells whether the experiment makes no use of what a binding, 'NAME = value', sets."""
  return _unscoped(binding.partition('=')[0].strip()) not in _reached(bindings_of(snapshot()))


def _unscoped(name):
  """Turns 'generator/static_sparse.StaticSparse.density' into 'StaticSparse.density'; a macro stays as it is."""
  return '.'.join(name.split('/')[-1].split('.')[-2:])


def _reached(bindings):
  """Finds parameters ('Class.parameter') and macros that can be got to from the experiment, whatever their scopes."""
  reached, seen, todo = set(), set(), [_EXPERIMENT]
  while todo:
    current = todo.pop()
    for name, value in bindings.items():
      short = _unscoped(name)
      if short == current or short.startswith(current + '.'):
        reached.add(short)
        found = {name.split('/')[-1].split('.')[-1] for name in re.findall(r'[@%]([\w./]+)', value)} - seen
        todo += found
        seen |= found
  return reached


def make_experiment():
  """Builds the configured `Experiment`. Call it in the scope of the strategy.

  Raises:
    UserError: something that is required is not set, or an argument does not fit.
  """
  return build_configured(lambda: gin.get_configurable(_EXPERIMENT)())


def make_data():
  """Builds the data sources of the configured `Experiment`, by domain, and nothing else of it.

  Raises:
    UserError: as `make_experiment`.
  """
  return build_configured(lambda: copy.deepcopy(gin.query_parameter(f'{_EXPERIMENT}.data')))  # gin builds what it refers to


def make_evaluator():
  """Builds the evaluator of the configured `Experiment`, and nothing else of it; None for one without scores.

  Raises:
    UserError: as `make_experiment`.
  """
  return build_configured(lambda: copy.deepcopy(gin.query_parameter(f'{_EXPERIMENT}.evaluator')))


def make_study():
  """Builds the configured `Study`.

  Raises:
    UserError: as `make_experiment`.
  """
  return build_configured(lambda: gin.get_configurable(_STUDY)())


def build_configured(build: Callable[[], Any]) -> Any:
  """Returns what `build` makes of the configuration; what is wrong with its arguments is told in one line.

  Raises:
    UserError: as `make_experiment`.
  """
  try:
    result = build()
  except errors.UserError:
    raise
  except Exception as error:  # pylint: disable=broad-except  (whatever a constructor says of its arguments)
    gin_types.check_bindings()
    if isinstance(error, (TypeError, ValueError, RuntimeError)):
      raise errors.UserError(_one_line(error)) from error
    raise
  gin_types.check_bindings()
  return result


def make_trainer(stage, folder: pathlib.Path | None = None):
  """Makes the trainer of a stage of a procedure.

  Args:
    stage: a `Stage` of the configured experiment.
    folder: of the procedure, where stages before have decided something; None where nothing was trained yet.

  Raises:
    UserError: as `make_experiment`.
  """
  with overriding(stage.decided(folder) if stage.decided else {}):
    return build_configured(stage.make_trainer)


def macro_value(name: str) -> object:
  """Returns what NAME of the loaded configuration is; None where it is not set."""
  try:
    return compat.gin_macro_value(gin.query_parameter(f'{name}/gin.macro.value'))
  except ValueError:
    return None


@contextlib.contextmanager
def overriding(macros: Mapping[str, object]) -> Iterator[None]:
  """Gives macros that the configuration sets other values, while entered."""
  before = {name: gin.query_parameter(f'{name}/gin.macro.value') for name in macros}
  _bind(macros)
  try:
    yield
  finally:
    _bind(before)


def _bind(macros):
  with gin.unlock_config():
    for name, value in macros.items():
      gin.bind_parameter(f'{name}/gin.macro.value', value)


def snapshot(stage: str = '') -> str:
  """Returns all bindings as text that `load` reads again; with a stage, that of this stage of the procedure."""
  text = _without_idle_import(gin.config_str())
  if not stage:
    return text
  prefix = re.search(rf'^(\S*{_EXPERIMENT})\.procedure =', text, re.MULTILINE)[1]
  return f'{text}\n{prefix}.stage = {stage!r}\n'


def operative() -> str:
  """Writes the bindings that were used so far; they are complete only after the first step."""
  return _without_idle_import(gin.operative_config_str())


def _without_idle_import(text):
  """Removes the import of gin itself, which gin writes where a file says %gin.REQUIRED; no binding refers to it."""
  return re.sub(r'^from gin import config\n', '', text, flags=re.MULTILINE)


def differences(old: str, new: str) -> list[str]:
  """Lists bindings that differ between two snapshots, as 'name: old -> new'."""
  first, second = bindings_of(old), bindings_of(new)
  return [
      f'{name}: {first.get(name, "(unset)")} -> {second.get(name, "(unset)")}'
      for name in sorted({*first, *second}) if first.get(name) != second.get(name)]


def _one_line(error: Exception) -> str:
  """Writes what gin says in our words, without its trace of calls, and where."""
  where = re.findall(r'In file "(.+)", line (\d+)', str(error))
  place = f'{where[0][0]}, line {where[0][1]}: ' if where else ''
  lines = [line.strip() for line in str(error).splitlines() if line.strip()]
  kept = [line for line in lines if not re.match('In call to|No values supplied|Gin had values|Caller supplied', line)]
  if where:
    kept = kept[:1]
  return place + _reworded(' '.join(kept or lines))[:500]


def _reworded(message):
  for pattern, ours in _WORDING:
    if re.fullmatch(pattern, message):
      return re.sub(pattern, ours, message)
  return message
