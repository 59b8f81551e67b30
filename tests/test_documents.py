"""What README.md and docs/ name exists: pages and places in them, commands and flags, gin files and macros, exit codes."""

import ast
import functools
import importlib
import json
import pathlib
import re
import shlex

from absl import flags
import pytest

from tf_stugan import cli
from tf_stugan import errors
from tf_stugan import gin_files

ROOT = pathlib.Path(__file__).parents[1]
DOCUMENTS = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *sorted(ROOT.glob('docs/*.md')), ROOT / 'docs' / 'tutorial.ipynb']
EXAMPLES = {'mine.gin'}  # files of the reader's own
PLACEHOLDER = re.compile(r'METHOD|MODEL|NAME|<|\*|YOUR|config\.gin$')  # in a name: one of several, or of a run


@functools.cache
def text_of(document):
  """Its Markdown; of a notebook the cells, code in fences."""
  text = document.read_text(encoding='utf-8')
  if document.suffix == '.md':
    return text
  cells = json.loads(text)['cells']
  return '\n\n'.join('```\n' + ''.join(cell['source']) + '\n```' if cell['cell_type'] == 'code' else ''.join(cell['source'])
                     for cell in cells)


def code_of(document):
  """The lines of its blocks of code, those that go on made one."""
  text = text_of(document)
  fenced = re.findall(r'^```[^\n]*\n(.*?)^```', text, re.MULTILINE | re.DOTALL)
  indented = re.findall(r'^ {4}(.*)$', re.sub(r'^```.*?^```', '', text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
  return re.sub(r'\\\n\s*', ' ', '\n'.join([*fenced, *indented])).splitlines()


def inline_of(document):
  return re.findall(r'`([^`\n]+)`', re.sub(r'^```.*?^```', '', text_of(document), flags=re.MULTILINE | re.DOTALL))


def anchors(document):
  """The places in a page that a link can name, as code hosts make them of headings."""
  headings = re.findall(r'^#+ (.*)$', text_of(document), re.MULTILINE)
  plain = (re.sub(r'\[([^]]*)\]\([^)]*\)', r'\1', heading) for heading in headings)
  return {re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-') for heading in plain}


@pytest.mark.parametrize('document', DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document):
  text = re.sub(r'^```.*?^```', '', text_of(document), flags=re.MULTILINE | re.DOTALL)
  wrong = []
  for link in re.findall(r'\]\(([^)\s]+)\)|src="([^"]+)"', text):
    path, _, place = ''.join(link).partition('#')
    target = document.parent / path if path else document
    if not re.match(r'\w+:', path) and not (target.exists() and (not place or place in anchors(target))):
      wrong.append(''.join(link))
  assert wrong == []


def commands(document):
  """Command lines of this program, in words, without what a shell does beside them."""
  lines = [line.strip().lstrip('!') for line in [*code_of(document), *inline_of(document)]]
  for line in lines:
    if line.startswith('tf-stugan '):
      yield shlex.split(re.sub(r'\s[|>].*', '', line), comments=True)


@functools.cache
def flags_of(command):
  values = flags.FlagValues()
  importlib.import_module(f'tf_stugan.usage.{command}').define_flags(values)
  flags.DEFINE_integer('verbosity', 0, '', flag_values=values)
  return values


def check_flag(values, word):
  """Returns what is wrong with --NAME=VALUE; empty where it may be given."""
  name, sign, value = word.removeprefix('--').partition('=')
  flag = name if name in values else name.removeprefix('no')
  if flag not in values:
    return f'there is no --{name}'
  try:
    if sign and '...' not in value:
      values[flag].parse(value)
  except flags.Error as error:
    return str(error)
  if name == 'gin_file' and not (value in EXAMPLES or PLACEHOLDER.search(value) or (
      ROOT / 'tests' / 'extension' / value).exists()):
    gin_files.find(value)
  return ''


@pytest.mark.parametrize('document', DOCUMENTS, ids=lambda path: path.name)
def test_commands_exist_with_these_flags(document):
  wrong = []
  for _, command, *words in commands(document):
    if command in ('COMMAND', '...', '--version', '--help'):
      continue
    assert command in cli.COMMANDS, command
    problems = (check_flag(flags_of(command), word) for word in words if word.startswith('--') and word != '--help')
    wrong += [f'{command}: {problem}' for problem in problems if problem]
  assert wrong == []


def test_most_pages_have_commands():
  assert sum(len(list(commands(document))) for document in DOCUMENTS) > 100


@functools.cache
def gin_tree():
  return {path.relative_to(ROOT / 'gin_configs').as_posix(): path.read_text() for path in ROOT.glob('gin_configs/**/*.gin')}


@pytest.mark.parametrize('document', DOCUMENTS, ids=lambda path: path.name)
def test_gin_files_exist(document):
  named = {name for text in inline_of(document) for name in re.findall(r'[\w/.]*\w+\.gin\b', text)}
  known = gin_tree()
  toys = {path.name for path in ROOT.glob('tests/extension/*.gin')}
  named = {name for name in named - EXAMPLES - toys if not PLACEHOLDER.search(name)}
  wrong = [name for name in named if not any(path.endswith(name.removeprefix('gin_configs/')) for path in known)]
  assert wrong == []


def macros(document):
  """Names in capitals that are set in commands or named in the text."""
  for text in inline_of(document):
    yield from re.findall(r'^([A-Z][A-Z_\d]*[A-Z\d])(?: =.*)?$', text)
  for _, _, *words in commands(document):
    yield from (match[1] for word in words if (match := re.match(r'--(?:gin_param|axis)=([A-Z][A-Z_\d]+) ?=', word)))


@pytest.mark.parametrize('document', DOCUMENTS, ids=lambda path: path.name)
def test_macros_exist(document):
  tree = '\n'.join(gin_tree().values())
  package = '\n'.join(path.read_text() for path in (ROOT / 'tf_stugan').rglob('*.py'))
  wrong = [name for name in macros(document) if '_' in name and not re.search(rf'\b{name}\b', tree) and name not in package]
  assert wrong == []


@pytest.mark.parametrize('document', DOCUMENTS, ids=lambda path: path.name)
def test_files_of_this_project_exist(document):
  text = text_of(document)
  named = set(re.findall(r'\b(?:tools|tests|tf_stugan|gin_configs|docs|web)/[\w/.-]*\w', text))
  named = {name for name in named if not PLACEHOLDER.search(name) and not text.count(f'{name}<') and f'{name}*' not in text}
  places = (ROOT, ROOT / 'tf_stugan')
  assert [name for name in named if not any((place / name).exists() for place in places)] == []


def test_flags_of_tools_exist():
  wrong = []
  for document in DOCUMENTS:
    for line in code_of(document):
      for tool, words in re.findall(r'python (tools/\w+\.py)([^|#]*)', line):
        source = (ROOT / tool).read_text()
        imported = (ROOT / 'tools' / f'{name}.py' for name in re.findall(r'^import (\w+)$', source, re.MULTILINE))
        source += ''.join(path.read_text() for path in imported if path.exists())  # their flags, too
        names = re.findall(r'--(\w+)', words.partition(' -- ')[0])
        wrong += [f'{tool} --{name}' for name in names
                  if f"'{name}'" not in source and f"'{name.removeprefix('no')}'" not in source]
  assert wrong == []


def test_help_of_tools_names_all_flags_that_they_take():
  """Those that another tool defines, which it imports, only where they are declared."""
  for tool in ROOT.glob('tools/*.py'):
    source = tool.read_text()
    named = set(re.findall(r"'(\w+)'", ''.join(re.findall(r'flags\.DEFINE.*|for _name in \(.*|_SIZES = .*', source))))
    assert set(re.findall(r'FLAGS\.(\w+)', source)) - {'set_default'} <= named, tool.name


def test_python_in_documents_can_be_read_and_what_it_imports_exists():
  for document in DOCUMENTS:
    for code in re.findall(r'^```python\n(.*?)^```', text_of(document), re.MULTILINE | re.DOTALL):
      if document.name == 'api.md':
        continue
      for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and node.module.startswith('tf_stugan'):
          path = ROOT / node.module.replace('.', '/')
          for alias in node.names:
            assert (path / f'{alias.name}.py').exists() or re.search(
                rf'^(class|def) {alias.name}\b', path.with_suffix('.py').read_text(), re.MULTILINE), alias.name


def test_exit_codes_are_those_of_the_errors():
  kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.UserError)]
  told = re.findall(r'^\| (\d+) \|', text_of(ROOT / 'docs' / 'commands.md'), re.MULTILINE)
  assert sorted(map(int, told)) == sorted({0, *(kind.exit_code for kind in kinds)})


def test_the_commands_page_names_every_command():
  told = {words[1] for words in commands(ROOT / 'docs' / 'commands.md')}
  assert told >= set(cli.COMMANDS)


def test_the_readme_is_a_page():
  text = text_of(ROOT / 'README.md')
  assert text.count('\n') <= 130 and 'make test' in text and 'make quickstart' in text
  linked = {pathlib.PurePath(link).name for link in re.findall(r'\]\(([^)#]+)', text)}
  assert {document.name for document in DOCUMENTS if document.name != 'README.md'} <= linked


def test_the_reference_is_that_of_the_docstrings(monkeypatch):
  pytest.importorskip('griffe')
  monkeypatch.syspath_prepend(str(ROOT / 'tools'))
  import api_reference
  assert api_reference.write() == api_reference.DOCUMENT.read_text(), 'python tools/api_reference.py writes it anew'
