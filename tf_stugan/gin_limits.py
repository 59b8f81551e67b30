"""What a gin file may reach. Whoever sends a run sends its config.gin, and reading that must not run his code.

A configuration may import the modules that this library's own gin files import, and those that the user named
(`--gin_module`). Of these it may configure public classes and functions that are *defined* there, not what else can be
got to through them. Imports are decided on what gin's parser makes of all files, before the first of them is done.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
import functools
import inspect
import os
import pathlib
import re
import sys
import tokenize

from gin import config_parser

from tf_stugan import errors
from tf_stugan import gin_files

_OTHER_OPTIMIZERS = 'tf_keras.optimizers'  # than ours; workdirs of versions that had none have its Adam
_MAKES_TRAINER = re.compile(r'^(\w+\.)*Experiment\.trainer\s*=', re.MULTILINE)  # as runs/train.gin, once an experiment
_NOT_PARSED = (SyntaxError, ValueError, TypeError, RecursionError, tokenize.TokenError)


class _Names(config_parser.ParserDelegate):
  """Stands for what a file refers to by its name, and looks nothing up."""

  def configurable_reference(self, scoped_configurable_name, evaluate):
    return f'@{scoped_configurable_name}'

  def macro(self, macro_name):
    return f'%{macro_name}'


def read(files: Sequence[pathlib.Path], modules: Collection[str]) -> dict[str, str]:
  """Reads files and all that they include: {path as gin asks for it: text}. Gin is to see these texts and no others.

  Args:
    files: gin files.
    modules: names of modules that the user trusts.

  Raises:
    UserError: a file cannot be read or parsed, includes itself, or reaches for what it may not.
  """
  texts = {}
  for file in files:
    _read(str(file), modules, texts, ())
  return texts


def check_order(files: Sequence[pathlib.Path], modules: Collection[str]) -> None:
  """Raises UserError where a whole experiment comes after other files, which it would overrule; arguments as in `read`."""
  for i, file in enumerate(files[1:], 1):
    if any(_MAKES_TRAINER.search(text) for text in read([file], modules).values()):
      raise errors.UserError(f'{file.name} is a whole experiment, and would overrule the files before it '
                             f'({", ".join(other.name for other in files[:i])}): give it first.')


def check_bindings(bindings: Sequence[str], texts: Mapping[str, str], modules: Collection[str]) -> None:
  """Raises UserError unless each is one 'NAME = value', and NAME one that these texts set.

  Gin takes any NAME = value; one that no file mentions would change nothing.
  """
  macros = {_macro(statement) for path, text in texts.items() for statement in check_text(text, modules, path)} - {''}
  for binding in bindings:
    flag = f'--gin_param={binding!r}'
    statements = check_text(binding, modules, flag)
    if len(statements) != 1 or not isinstance(statements[0], config_parser.BindingStatement):
      raise errors.UserError(f'{flag}: give one NAME = value.')
    name = _macro(statements[0])
    if name and name not in macros:
      hint = gin_files.did_you_mean(name, macros) or ' `tf-stugan train --dry_run` prints the names that it has.'
      raise errors.UserError(f'{flag}: this experiment has no {name}.{hint}')


def _macro(statement):
  """Returns NAME of NAME = value; empty for all other statements."""
  is_macro = isinstance(statement, config_parser.BindingStatement) and not (statement.arg_name or statement.scope)
  return statement.selector if is_macro else ''


def _read(path, modules, texts, including):
  if path in including:
    raise errors.UserError(f'{path} includes itself, by way of {", ".join(including[1:]) or "nothing else"}.')
  try:
    texts[path] = pathlib.Path(path).read_text(encoding='utf-8')
  except UnicodeDecodeError as error:
    raise errors.UserError(f'{path} is no gin file: its text is not UTF-8.') from error
  for statement in check_text(texts[path], modules, path):
    if isinstance(statement, config_parser.IncludeStatement):
      _read(_locate(statement, path), modules, texts, (*including, path))


def _locate(statement, includer):
  """Finds an included file as gin will: from the working folder, then in `gin_configs`."""
  for folder in ('', str(gin_files.config_root())):
    path = os.path.join(folder, statement.filename)
    if os.path.isfile(path):
      return path
  raise errors.UserError(f'{includer} includes {statement.filename!r}, and there is no such file.')


def check_text(text: str, modules: Collection[str], name: str) -> list:
  """Returns the statements of a text, as gin will parse it; `name` is what messages call it.

  Raises:
    UserError: it does not parse, imports what it may not, or has a dictionary from which Keras would import something.
  """
  try:
    statements = list(config_parser.ConfigParser(text, _Names()))
  except _NOT_PARSED as error:
    raise errors.UserError(f'{name}: {_why(error)}') from error
  for statement in statements:
    if isinstance(statement, config_parser.ImportStatement):
      _check_import(statement, modules, name)
    elif isinstance(statement, config_parser.BindingStatement) and 'class_name' in _keys(statement.value):
      raise errors.UserError(f"{name}: {statement.arg_name or statement.selector} holds a dictionary with 'class_name', by "
                             'which Keras would import what it names; write @module.Class.')
  return statements


def _why(error):
  """Says why gin cannot parse a text, with the line where it gave up."""
  if isinstance(error, RecursionError):
    return 'its brackets are nested too deeply.'
  what = re.sub(r'\s+', ' ', str(error.args[0])).removesuffix('.') if error.args else type(error).__name__
  if unquoted := re.fullmatch(r"malformed node or string.*Failed to parse token '(\w+)'", what):
    what = f"'{unquoted[1]}' is no value: text stands in quotes"
  place = error.args[1] if len(error.args) > 1 else None
  if isinstance(place, config_parser.Location):
    return f'{what}, in line {place.line_num}: {place.line_content.strip()[:80]}'
  return f'{what}, in line {place[0]}.' if isinstance(place, tuple) and isinstance(place[0], int) else f'{what}.'


def _keys(value) -> Iterator[object]:
  """Yields the keys of all dictionaries inside of a value."""
  if isinstance(value, Mapping):
    yield from value
    value = value.values()
  if isinstance(value, Collection) and not isinstance(value, (str, bytes)):
    for part in value:
      yield from _keys(part)


def _check_import(statement, modules, name):
  package = statement.module.split('.')[0]
  if statement.module in _own_modules() or _is_within(statement.module, modules) or (
      statement.format() == 'from __gin__ import dynamic_registration'):
    return
  if package in ('tf_stugan', 'tf_keras'):
    raise errors.UserError(f'{name} imports {statement.module}, in which there is nothing to configure.')
  raise errors.UserError(f'{name} imports {statement.module}, which is no part of this library. If it is code that you '
                         f'trust, say so: --gin_module={package}')


@functools.lru_cache
def _own_modules():
  """Names what this library's own gin files import, and Keras's optimizers."""
  pattern = re.compile(r'^from (tf_\w+(?:\.\w+)*) import (\w+)$', re.MULTILINE)
  return {_OTHER_OPTIMIZERS, *(f'{package}.{module}' for file in gin_files.config_root().rglob('*.gin')
                               for package, module in pattern.findall(file.read_text(encoding='utf-8')))}


def check_configurable(selector: str, thing: object, modules: Collection[str]) -> None:
  """Raises UserError unless `thing`, to which a file refers as `selector`, is a public class or function of a module that a
  configuration may import, and defined there. Keras's functions are left out: some make objects of any module."""
  thing = inspect.unwrap(thing) if callable(thing) else thing
  module, name = getattr(thing, '__module__', None), getattr(thing, '__qualname__', '_')
  is_public = (inspect.isclass(thing) or inspect.isfunction(thing)) and not name.startswith('_') and (
      getattr(sys.modules.get(module), name, None) is thing)
  keras = [own.replace('tf_keras.', 'tf_keras.src.') for own in _own_modules() if own.startswith('tf_keras.')]
  if not is_public or not (module in _own_modules() or _is_within(module, modules)
                           or inspect.isclass(thing) and _is_within(module, keras)):
    raise errors.UserError(f'{selector} is no class or function, of this library or of a --gin_module, to be configured.')


def _is_within(module, packages):
  return any(f'{module}.'.startswith(f'{package}.') for package in packages)
