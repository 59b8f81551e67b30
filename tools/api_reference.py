"""Writes docs/api.md, what classes and functions promise that code outside of this package meets, from their docstrings.

  python tools/api_reference.py

The source is read (by griffe), and nothing is imported.
"""

from collections.abc import Iterator
import pathlib

from absl import app
import griffe

ROOT = pathlib.Path(__file__).parents[1]
DOCUMENT = ROOT / 'docs' / 'api.md'
_HEAD = '''# API reference

Made by `python tools/api_reference.py` from the docstrings; do not edit. It has what your own code meets: programs that use
trained generators, and games, methods, metrics, data sets and procedures of your own ([extending.md](extending.md)). For
the rest see the source, file by file ([design.md](design.md)).
'''
_SECTIONS = {
    'Using a packed generator': ['tf_stugan', 'sharing.generator'],
    'Sparsity, for any network': [
        'sparsity.mask_model', 'sparsity.method', 'sparsity.masks', 'sparsity.static_sparse', 'sparsity.dynamic_sparse',
        'sparsity.adaptive_density', 'sparsity.schedules', 'sparsity.distributions', 'sparsity.scores', 'sparsity.rewiring'],
    'Data': ['data.images', 'data.image_folder'],
    'Games and networks': ['gans.gan', 'gans.outputs', 'layers.style'],
    'Metrics': ['metrics.score', 'metrics.samples', 'metrics.features'],
    'Runs': ['procedures.procedure', 'procedures.train', 'training.trainer', 'training.evaluation', 'training.hooks',
             'training.layer_choice', 'studies.study'],
    'Exported files': ['export.tflite'],
    'Randomness and errors': ['rng', 'errors'],
}


def write() -> str:
  """Returns the page."""
  package = griffe.load('tf_stugan', search_paths=[str(ROOT)], allow_inspection=False)
  lines = [_HEAD]
  for title, modules in _SECTIONS.items():
    lines.append(f'## {title}\n')
    for name in modules:
      lines += _module(package if name == 'tf_stugan' else package[name])
  return '\n'.join(lines)


def _module(module) -> Iterator[str]:
  path = module.filepath.relative_to(ROOT)
  yield f'### [{module.path}](../{path})\n'
  yield from _docstring(module)
  for member in module.members.values():
    if _is_shown(member):
      yield from _member(member)


def _is_shown(member):
  return not member.is_alias and member.is_public and member.docstring and (member.is_class or member.is_function)


def _member(member, owner='') -> Iterator[str]:
  call = member.members.get('__init__') if member.is_class else member
  name = f'class {member.name}' if member.is_class else f'{owner}{member.name}'
  bases = f'  # {", ".join(map(str, member.bases))}' if member.is_class and member.bases else ''
  yield f'```python\n{name if call is None else _signature(name, call)}{bases}\n```\n'
  yield from _docstring(member)
  for inner in member.members.values() if member.is_class else ():
    if _is_shown(inner):
      yield from _member(inner, f'{member.name}.')


def _signature(name, call):
  """Writes 'name(first: int, second=3) -> float', on several lines where it is long."""
  parameters = [_parameter(p) for p in call.parameters if p.name not in ('self', 'cls')]
  returns = f' -> {call.returns}' if call.returns and call.name != '__init__' else ''
  line = f'{name}({", ".join(parameters)}){returns}'
  return line if len(line) <= 100 else f'{name}(\n    ' + ',\n    '.join(parameters) + f'){returns}'


def _parameter(parameter):
  stars = {'variadic positional': '*', 'variadic keyword': '**'}.get(parameter.kind.value, '')
  annotation = f': {parameter.annotation}' if parameter.annotation is not None else ''
  if parameter.default is None or stars:
    return f'{stars}{parameter.name}{annotation}'
  return f'{parameter.name}{annotation} = {parameter.default}' if annotation else f'{parameter.name}={parameter.default}'


def _docstring(member) -> Iterator[str]:
  if not member.docstring:
    return
  for section in member.docstring.parse('google', warnings=False):
    kind, value = section.kind.value, section.value
    if isinstance(value, str):
      yield f'{value}\n'
    elif kind in ('parameters', 'attributes', 'raises', 'returns'):
      title = {'parameters': 'Arguments'}.get(kind, kind.capitalize())
      yield f'*{title}*\n'
      yield '\n'.join(_item(item) for item in value) + '\n'


def _item(item):
  name = getattr(item, 'name', '') or str(item.annotation or '')
  text = ' '.join(item.description.split())
  return f'* `{name}`: {text}' if name else f'* {text}'


def main(_):
  DOCUMENT.write_text(write(), encoding='utf-8')


if __name__ == '__main__':
  app.run(main)
