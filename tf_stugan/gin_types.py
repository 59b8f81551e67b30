"""Whether bindings are of the kinds that the parameters they are for are annotated with.

Constructors check their numbers and say more; this is for what they take on trust: classes, functions, texts, lists of them.
"""

from collections.abc import Callable, Mapping, Sequence
import inspect
import numbers
import types
import typing

from tf_stugan import compat
from tf_stugan import errors

_WORDS = {str: 'a text', bool: 'True or False', int: 'a whole number', float: 'a number', 'number': 'a number',
          types.NoneType: 'None'}


def check_bindings() -> None:
  """Raises UserError for a binding of the loaded configuration that cannot be what its parameter is annotated with."""
  for binding in compat.gin_bindings():
    kind = _kind(binding.target, binding.parameter)
    if not _fits(binding.value, kind):
      raise errors.UserError(f'{binding.name} is {_describe(kind)}; got {compat.gin_macro_value(binding.value)!r}'
                             f'{_origin(binding.value)}.')


def _origin(value):
  return f' from {value!r}' if compat.gin_macro_value(value) is not value else ''


def _kind(target, parameter):
  """Returns the annotation of a parameter; 'number' where Keras has none but a default that is one; else Any."""
  function = target.__init__ if inspect.isclass(target) else target
  try:
    hints, parameters = typing.get_type_hints(function), inspect.signature(function).parameters
  except (NameError, TypeError, ValueError):  # annotations of what is only imported to be checked, functions in C
    return typing.Any
  default = getattr(parameters.get(parameter), 'default', None)
  return hints.get(parameter, 'number' if type(default) in (int, float) else typing.Any)


def _fits(value, kind) -> bool:
  """Tells whether the value can be of this kind; True where that cannot be told."""
  value = compat.gin_macro_value(value)
  if kind is typing.Any or isinstance(kind, typing.TypeVar):
    return True
  if kind == 'number':  # or what is called for one, such as a schedule
    return isinstance(value, numbers.Real) or compat.gin_reference(value) is not None
  if _is_union(kind):
    return any(_fits(value, k) for k in typing.get_args(kind))
  base = typing.get_origin(kind) or kind
  if getattr(base, '_is_protocol', False):
    return True
  if reference := compat.gin_reference(value):
    return _reference_fits(*reference, kind, base)
  if base in (int, float):
    return isinstance(value, numbers.Real)  # a whole number may be written as 1e5
  if base is bool:
    return isinstance(value, numbers.Real) and value in (0, 1)
  if isinstance(value, str):  # which Python takes for a sequence, too
    return base in (str, object) or not inspect.isclass(base)
  if isinstance(value, (list, tuple, Mapping)):
    return _container_fits(value, base, typing.get_args(kind))
  return not inspect.isclass(base) or isinstance(value, base)


def _is_union(kind):
  return typing.get_origin(kind) in (typing.Union, types.UnionType)


def _reference_fits(target, called, kind, base):
  """Does so for '@target' or '@target()'."""
  if called:
    return _can_be(target if inspect.isclass(target) else _kind(target, 'return'), base)
  if base is Callable:  # Callable[..., X] may be X itself
    return not inspect.isclass(target) or _can_be(target, (typing.get_args(kind) or (typing.Any,))[-1])
  return base in (type, object) or not inspect.isclass(base)


def _can_be(made, wanted):
  kinds = made, wanted = [typing.get_origin(kind) or kind for kind in (made, wanted)]
  return not all(map(inspect.isclass, kinds)) or issubclass(made, wanted) or set(kinds) == {int, float}


def _container_fits(value, base, kinds):
  """Does so for a literal list, tuple or dictionary, and what is in it; a list may stand for a tuple."""
  if inspect.isclass(base) and not isinstance(value, base) and not (base is tuple and isinstance(value, list)):
    return False
  if isinstance(value, Mapping):
    return len(kinds) != 2 or all(_fits(v, kinds[1]) for v in value.values())
  return not kinds or all(_fits(v, k) for v, k in zip(value, _kinds_of_parts(value, kinds), strict=False))


def _kinds_of_parts(parts: Sequence, kinds):
  """Yields the kinds of parts: Sequence[X] and tuple[X, ...] have many X, tuple[X, Y] has one each."""
  return kinds if len(kinds) > 1 and kinds[1] is not Ellipsis else [kinds[0]] * len(parts)


def _describe(kind) -> str:
  if _is_union(kind):
    return ' or '.join(map(_describe, typing.get_args(kind)))
  base = typing.get_origin(kind) or kind
  if base is Callable:
    return 'a function (@module.name)'
  if inspect.isclass(base) and issubclass(base, Mapping):
    return 'a dictionary, each value ' + _describe((typing.get_args(kind) or (typing.Any,))[-1])
  if inspect.isclass(base) and issubclass(base, Sequence) and base is not str:
    return 'a list, each part ' + _describe((typing.get_args(kind) or (typing.Any,))[0])
  name = getattr(base, '__name__', str(base))
  return _WORDS.get(base) or f'{"an" if name[0] in "AEIOU" else "a"} {name} (@module.{name}())'
