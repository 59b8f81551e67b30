"""The arrows between packages, as import statements tell them."""

import ast
import pathlib
import re

import tf_stugan

# Who may import whom; every package may import the modules at the top (errors, rng, compat).
ARROWS = {
    'layers': set(),
    'models': {'layers'},
    'sparsity': set(),
    'data': set(),
    'gans': {'data', 'layers', 'models'},
    'metrics': {'data', 'layers', 'sparsity'},
    'training': {'data', 'gans', 'layers', 'metrics', 'sparsity'},
    'export': {'gans', 'layers'},
    'procedures': {'data', 'export', 'gans', 'metrics', 'models', 'sparsity', 'training'},
    'sharing': {'data', 'gans', 'training'},
    'reports': {'gans', 'metrics', 'training'},
    'studies': {'metrics', 'reports', 'training'},
    'usage': {'sharing', 'studies', 'training'},
    'commands': {'data', 'export', 'gans', 'metrics', 'procedures', 'reports', 'sharing', 'studies', 'training', 'usage'},
}
PACKAGE = pathlib.Path(tf_stugan.__file__).parent


def imports(path):
  """Dotted names that a file imports."""
  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, ast.ImportFrom):
      yield from (f'{node.module}.{alias.name}' for alias in node.names)
    elif isinstance(node, ast.Import):
      yield from (alias.name for alias in node.names)


def test_packages_import_only_what_lies_below_them():
  wrong = []
  for package, allowed in ARROWS.items():
    for path in (PACKAGE / package).glob('*.py'):
      for name in imports(path):
        parts = name.split('.')
        if parts[0] == 'tf_stugan' and len(parts) > 1 and parts[1] in ARROWS and parts[1] not in allowed | {package}:
          wrong.append(f'{path.relative_to(PACKAGE)} imports {name}')
  assert wrong == []


def test_every_package_has_its_arrows():
  assert {p.parent.name for p in PACKAGE.glob('*/__init__.py')} - {'gin_configs', 'web'} == set(ARROWS)


def test_only_one_file_decides_about_keras_tfgan_and_gin():
  for path in PACKAGE.rglob('*.py'):
    names = {name.split('.')[0] for name in imports(path)}
    if path.name != 'compat.py':
      assert not names & {'tf_keras', 'tensorflow_gan', 'tensorflow_model_optimization'}, path
    if path.name != 'litert.py':
      assert 'ai_edge_litert' not in names, path
    if path.name not in ('compat.py', 'configuration.py', 'gin_limits.py'):
      assert 'gin' not in names, path


def test_nothing_but_games_and_networks_spells_out_who_plays():
  allowed = {'gans', 'models',  # where players and networks get their names
             'cost.py',  # conventions of papers, which say that they know these two alone
             'records.py',  # an older word for what was scored
             'pack.py'}  # the name of a file
  for path in PACKAGE.rglob('*.py'):
    if not allowed & {path.name, path.parent.name}:
      for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
          assert not re.fullmatch(r'(generator|discriminator)(s|/.*)?', node.value), f'{path}, line {node.lineno}'


def test_sparsity_and_training_do_not_know_who_plays():
  for package in ('sparsity', 'training'):
    for path in (PACKAGE / package).glob('*.py'):
      for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.Name, ast.Attribute)):
          name = node.id if isinstance(node, ast.Name) else node.attr
          assert 'generator' not in name and 'discriminator' not in name, f'{path}: {name}'
