"""Where gin files are, and what a wrong name probably meant. Needs no TensorFlow, so that a typo is told at once."""

import ast
from collections.abc import Iterable
import difflib
import pathlib
import re

from tf_stugan import errors
from tf_stugan import shipped


def config_root() -> pathlib.Path:
  """Returns the folder `gin_configs`."""
  return shipped.folder('gin_configs')


def list_folder(folder: str) -> list[pathlib.Path]:
  """Lists the gin files of 'models', 'datasets', 'methods', 'experiments' ..., by name."""
  return sorted((config_root() / folder).glob('*.gin'))


def find(name: str) -> pathlib.Path:
  """Finds a gin file by path, or by its place in `gin_configs`: 'experiments/x.gin', or 'x.gin' alone.

  Raises:
    UserError: there is none; the message names the nearest.
  """
  root = config_root()
  candidates = [pathlib.Path(name), root.parent / name, root / name, root / 'experiments' / name,
                root / name.removeprefix('gin_configs/')]
  for path in candidates:
    if path.is_file():
      return path.resolve()
  known = [p.name for p in list_folder('experiments')] + [str(p.relative_to(root)) for p in root.rglob('*.gin')]
  hint = did_you_mean(name.removeprefix('gin_configs/'), known) or did_you_mean(f'{name}.gin', known)
  raise errors.UserError(
      f'--gin_file={name}: no such file, here or in {root}.{hint} `tf-stugan list experiments` names those there are.')


def header(file: pathlib.Path) -> dict[str, str]:
  """Reads the comment at the top of a gin file: its first sentence as 'what', and 'Size' where it tells one."""
  text = file.read_text(encoding='utf-8').split('\n\n')[0]
  first, *paragraphs = re.sub(r'^# ?', '', text, flags=re.MULTILINE).split('\n\n')
  size = next((p.splitlines()[0].removeprefix('Size: ').removesuffix('.') for p in paragraphs if p.startswith('Size: ')), '')
  sentence = re.match(r'.*?(?=\. [A-Z]|\.?$)', ' '.join(first.split()))[0]
  return {'what': re.sub(r' \([^()]*\b(20\d\d|https:)[^()]*\)', '', sentence), 'Size': size}  # without its source


def included(file: pathlib.Path) -> list[pathlib.Path]:
  """Lists the files that one of this library's gin files includes, and those that these include; near ones first."""
  names = re.findall(r"^include '([\w/]+\.gin)'", file.read_text(encoding='utf-8'), re.MULTILINE)
  direct = [config_root() / name for name in names]
  return direct + [deeper for path in direct for deeper in included(path)]


def bindings_of(text: str) -> dict[str, str]:
  """Returns {name: value} of a snapshot of bindings."""
  text = re.sub(r'\\?\n[ \t]+', '', text)  # a value goes on in indented lines
  pairs = (line.split('=', 1) for line in text.splitlines() if '=' in line and not line.startswith('#'))
  return {name.strip(): value.strip() for name, value in pairs}


def is_seed(name: str) -> bool:
  """Tells whether a binding of this name says the seed of a run."""
  return bool(re.fullmatch(r'SEED|(.*[./])?Trainer\.seed', name))


def literal(text: str) -> object:
  """Returns a Python literal, or the text itself where it is none: '0.05' -> 0.05, 'stugan' -> 'stugan'."""
  try:
    return ast.literal_eval(text)
  except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
    return text


def did_you_mean(name: str, known: Iterable[str]) -> str:
  """Returns ' Did you mean ...?' with the nearest of the known names; empty where none is near."""
  nearest = difflib.get_close_matches(name, list(known), n=1, cutoff=0.7)
  return f' Did you mean {nearest[0]}?' if nearest else ''
