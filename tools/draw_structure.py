"""Draws the packages and who imports whom, as the import statements tell it, into docs/design.md.

  python tools/draw_structure.py

An arrow that follows from two others is left out: a package that imports `training` reaches `data` through it.
"""

import ast
import pathlib

from absl import app

ROOT = pathlib.Path(__file__).parents[1]
DOCUMENT = ROOT / 'docs' / 'design.md'
BEGIN, END = '```mermaid\n', '```\n'


def find_imports() -> dict[str, set[str]]:
  """Returns the packages that each package of tf_stugan imports."""
  package = ROOT / 'tf_stugan'
  names = {path.parent.name for path in package.glob('*/__init__.py')}
  result = {name: set() for name in sorted(names)}
  for name in names:
    for path in (package / name).rglob('*.py'):
      for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or '').startswith('tf_stugan.'):
          result[name].add(node.module.split('.')[1])
    result[name] = result[name] & names - {name}
  return {name: imported for name, imported in result.items() if imported or name in set().union(*result.values())}


def reduce_arrows(imports: dict[str, set[str]]) -> list[tuple[str, str]]:
  """Returns the arrows (from, to) from which all others follow."""
  def reached(name):
    return set().union(imports[name], *(reached(other) for other in imports[name]))
  return [(name, other) for name, imported in imports.items() for other in sorted(imported)
          if not any(other in reached(between) for between in imported - {other})]


def draw() -> str:
  """Returns a Mermaid graph, from top to bottom."""
  return 'graph TD\n' + ''.join(f'  {name} --> {other}\n' for name, other in reduce_arrows(find_imports()))


def main(_):
  text = DOCUMENT.read_text()
  start = text.index(BEGIN) + len(BEGIN)
  DOCUMENT.write_text(text[:start] + draw() + text[text.index(END, start):])


if __name__ == '__main__':
  app.run(main)
