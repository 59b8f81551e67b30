"""Docstrings of functions say what they do: they begin with a verb."""

import ast
import pathlib
import re

import pytest

import tf_stugan

PACKAGE = pathlib.Path(tf_stugan.__file__).parent
TOOLS = pathlib.Path(__file__).parents[1] / 'tools'
NOT_VERBS = {'Images', 'Latents', 'Weights', 'Rows', 'Batches', 'Seconds', 'Values', 'Operations', 'Columns', 'This', 'As',
             'Always', 'Bindings', 'Cores', 'Jobs', 'Keras', 'Labels', 'Layers', 'Means', 'Numbers', 'Parameters', 'Parts',
             'Statistics', 'Texts', 'Variables'}


def functions(path):
  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) and not any(
        isinstance(d, ast.Name) and d.id == 'property' for d in node.decorator_list):
      yield node.name, ast.get_docstring(node)


def without_a_verb(paths):
  return [f'{path.name}: {name}: {text.splitlines()[0]}' for path in paths for name, text in functions(path)
          if not re.match(r'[A-Z][a-z]+s\b', text) or text.split()[0] in NOT_VERBS]


@pytest.mark.parametrize('package', sorted({str(p.parent.relative_to(PACKAGE)) for p in PACKAGE.rglob('*.py')}))
def test_docstrings_of_functions_begin_with_a_verb(package):
  assert without_a_verb((PACKAGE / package).glob('*.py')) == []


def test_so_do_those_of_the_tools():
  assert without_a_verb(TOOLS.rglob('*.py')) == []
