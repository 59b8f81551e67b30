"""Gin at the edge: finding and reading configuration files, and telling a user in one line what is wrong with them.

No other module of the library imports gin. Gin files use dynamic registration: they import the modules they configure, so
a class of the user's own needs no registration anywhere.
"""

from collections.abc import Iterable, Sequence
import difflib
import inspect
import pathlib
import re

import gin

import tf_stugan
from tf_stugan import errors

_ALLOWED_MODULES = ('tf_stugan', 'tf_keras.', '__gin__', 'gin.')
_EXPERIMENT = 'Experiment'


def config_root() -> pathlib.Path:
  """The folder `gin_configs`: inside the installed package, or beside it in a checkout."""
  package = pathlib.Path(tf_stugan.__file__).parent
  inside = package / 'gin_configs'
  return inside if inside.is_dir() else package.parent / 'gin_configs'


def find(name: str) -> pathlib.Path:
  """A gin file by path, or by its place in `gin_configs`: 'gin_configs/experiments/x.gin', 'experiments/x.gin' or 'x.gin'.

  Raises:
    UserError: there is none; the message lists the experiments there are.
  """
  root = config_root()
  candidates = [pathlib.Path(name), root.parent / name, root / name, root / 'experiments' / name,
                root / name.removeprefix('gin_configs/')]
  for path in candidates:
    if path.is_file():
      return path.resolve()
  known = sorted(p.name for p in (root / 'experiments').glob('*.gin'))
  places = [str(p.relative_to(root)) for p in root.rglob('*.gin')]
  hint = _did_you_mean(name.removeprefix('gin_configs/'), [*known, *places])
  raise errors.UserError(f'--gin_file={name}: no such file, here or in {root}.{hint} Experiments: {", ".join(known)}')


def load(files: Sequence[pathlib.Path], bindings: Sequence[str] = ()) -> None:
  """Parses files, then bindings on top of them; afterwards `make_experiment` can be called.

  Raises:
    UserError: a name that does not exist, a file that does not parse, an import that is not allowed.
  """
  from tf_stugan import compat  # pylint: disable=g-import-not-at-top  (TensorFlow, which `find` can do without)
  gin.clear_config()
  compat.read_gin_files_only()
  gin.add_config_file_search_path(str(config_root()))
  for file in files:
    _check_imports(file)
  try:
    gin.parse_config_files_and_bindings([str(f) for f in files], [], finalize_config=False)
  except Exception as error:  # pylint: disable=broad-except  (gin raises ValueError, SyntaxError, ImportError, its own ...)
    raise errors.UserError(_one_line(error)) from error
  parsed = snapshot()
  for binding in bindings:
    _parse_binding(binding, parsed)
  try:
    gin.finalize()
  except ValueError as error:  # a %gin.REQUIRED that nobody set
    raise errors.UserError(_one_line(error)) from error


def _parse_binding(binding, parsed):
  """Parses one binding on top of the files, whose snapshot is `parsed`.

  It may use whatever the files import, and name a class that they bind without its module ('DynamicSparse.density'). Gin
  takes any NAME = value; one that no file mentions would change nothing, so it is refused.
  """
  names = _bindings(parsed)
  match = re.match(r'\s*(\w+)\s*=', binding)
  if match and match[1] not in names:
    macros = sorted(name for name in names if '.' not in name)
    raise errors.UserError(f'--gin_param={binding!r}: this experiment has no {match[1]}.{_did_you_mean(match[1], macros)} '
                           f'It has {", ".join(macros)}.')
  full_names = [name.split('/')[-1].rpartition('.')[0] for name in names if name.count('.') == 2]
  qualified = {name.split('.')[1]: name for name in full_names}
  expanded = re.sub(
      r'^(\s*(?:\w+/)*)(\w+)(\.\w+\s*=)', lambda m: m[1] + qualified.get(m[2], m[2]) + m[3], binding)
  imports = [line for line in parsed.splitlines() if line.startswith(('import ', 'from '))]
  try:
    gin.parse_config('\n'.join([*imports, expanded]))
  except Exception as error:  # pylint: disable=broad-except
    hint = _hint(binding, qualified)
    raise errors.UserError(f'--gin_param={binding!r}: {str(error).splitlines()[0]}{hint}') from error


def _hint(binding, qualified):
  """The nearest name to what 'Class.parameter = value' calls the class, or the parameter."""
  match = re.match(r'\s*(?:\w+/)*(?:\w+\.)*(\w+)\.(\w+)\s*=', binding)
  if not match:
    return ''
  if match[1] not in qualified:
    return _did_you_mean(match[1], qualified)
  configurable = gin.get_configurable(qualified[match[1]])
  parameters = inspect.signature(configurable.__init__ if inspect.isclass(configurable) else configurable).parameters
  return '' if match[2] in parameters else _did_you_mean(match[2], parameters)


def _did_you_mean(name: str, known: Iterable[str]) -> str:
  nearest = difflib.get_close_matches(name, list(known), n=1, cutoff=0.7)
  return f' Did you mean {nearest[0]}?' if nearest else ''


def _check_imports(file: pathlib.Path, seen: set[pathlib.Path] | None = None) -> None:
  """Importing runs code: a configuration may name only this project's modules and Keras's."""
  seen = set() if seen is None else seen
  if file in seen:
    return
  seen.add(file)
  for line in file.read_text().splitlines():
    match = re.match(r'\s*(?:import|from)\s+([\w.]+)', line)
    if match and not (match[1] + '.').startswith(_ALLOWED_MODULES):
      raise errors.UserError(f'{file}: imports {match[1]}; a configuration may import tf_stugan and tf_keras only.')
    match = re.match(r'''\s*include\s+['"](.+)['"]''', line)
    if match:
      included = config_root() / match[1]
      if included.is_file():
        _check_imports(included.resolve(), seen)


def check_in_use(file: pathlib.Path) -> None:
  """Refuses a file of which the loaded configuration uses nothing: an ablation on a method that it does nothing for.

  Raises:
    UserError: the experiment reaches no parameter that the file binds or, where it sets macros alone, none of them.
  """
  own = {_unscoped(name) for name in re.findall(r'^([\w./]+)\s*=', file.read_text(), re.MULTILINE)}
  own = {name for name in own if '.' in name} or own
  if own and not own & _reached(_bindings(snapshot())):
    names = sorted({name.split('.')[0] for name in own})
    raise errors.UserError(f'--gin_file={file.name} changes nothing here: this experiment has no use for '
                           f'{", ".join(names)}. The first lines of the file tell what it is for.')


def idle_parameters(file: pathlib.Path) -> list[str]:
  """What a file sets on something that it brings itself, and in whose place a later file has put something else."""
  text = file.read_text()
  own = {_unscoped(name) for name in re.findall(r'^([\w./]+)\s*=', text, re.MULTILINE)}
  brought = {name.split('.')[-1] for name in re.findall(r'@([\w./]+)', text)}
  return sorted(name for name in own - _reached(_bindings(snapshot())) if name.split('.')[0] in brought)


def is_idle(binding: str) -> bool:
  """Whether the experiment makes no use of what a binding, 'NAME = value', sets."""
  return _unscoped(binding.partition('=')[0].strip()) not in _reached(_bindings(snapshot()))


def _unscoped(name):
  """'generator/static_sparse.StaticSparse.density' -> 'StaticSparse.density'; a macro stays as it is."""
  return '.'.join(name.split('/')[-1].split('.')[-2:])


def _reached(bindings):
  """Parameters ('Class.parameter') and macros that can be got to from the experiment, whatever their scopes."""
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
  try:
    return gin.get_configurable(_EXPERIMENT)()
  except errors.UserError:
    raise
  except Exception as error:  # pylint: disable=broad-except  (whatever a constructor says of its arguments)
    if isinstance(error, (TypeError, ValueError, RuntimeError)):
      raise errors.UserError(_one_line(error)) from error
    raise


def snapshot() -> str:
  """All bindings, as text that `load` reads again."""
  return gin.config_str()


def operative() -> str:
  """The bindings that were used so far; complete only after the first step."""
  return gin.operative_config_str()


def differences(old: str, new: str) -> list[str]:
  """Bindings that differ between two snapshots, as 'name: old -> new'."""
  first, second = _bindings(old), _bindings(new)
  return [
      f'{name}: {first.get(name, "(unset)")} -> {second.get(name, "(unset)")}'
      for name in sorted({*first, *second}) if first.get(name) != second.get(name)]


def _bindings(text):
  text = re.sub(r'\\?\n[ \t]+', '', text)  # a value goes on in indented lines
  pairs = (line.split('=', 1) for line in text.splitlines() if '=' in line and not line.startswith('#'))
  return {name.strip(): value.strip() for name, value in pairs}


def _one_line(error: Exception) -> str:
  """What gin says, without its trace of calls."""
  missing = re.search(r"No bindings specified for '(\w+)/gin.macro'", str(error))
  if missing:
    return f'{missing[1]} is asked for, and nothing in this experiment sets it.'
  missing = re.search(r"(\w+)\.__init__\(\) missing \d+ required positional arguments?: (.*)", str(error))
  if missing:
    return f'{missing[1]} needs {missing[2]}, which nothing in this experiment sets.'
  lines = [line.strip() for line in str(error).splitlines() if line.strip()]
  kept = [line for line in lines if not line.startswith(('In call to', 'No values supplied', 'Gin had values'))]
  return ' '.join(kept or lines)[:500]
