"""What a study asks: which rows there are, and with which seeds. Nothing here needs TensorFlow."""

from collections.abc import Iterator, Mapping, Sequence
import itertools
import pathlib
import re
import types
from typing import NamedTuple

from tf_stugan import errors
from tf_stugan import gin_files

# Settings that are gin files: the folders of gin_configs in which their choices are found by name.
FOLDERS = {'experiment': 'experiments', 'method': 'methods', 'model': 'models', 'dataset': 'datasets', 'metrics': 'metrics',
           'ablation': 'ablations', 'gin_file': ''}
IN_PLACE = ('method', 'model')  # of what the experiment includes; other files go on top
_NOTHING = ('', 'none')  # choices of a file on top
_MOST_RUNS = 10_000

_EMPTY = types.MappingProxyType({})

Setting = Mapping[str, object]  # {name of a binding, or one of FOLDERS: its choice}


class Row(NamedTuple):
  """Runs that differ in their seeds alone.

  Attributes:
    name: empty where it follows from the setting.
    files: those of the study.
    common: what all rows of the study set.
    setting: what this one sets; beats `common`.
    free: names in `common` and `setting` that are left out where they do nothing for this row: a density of a dense network.
  """

  name: str
  files: Sequence[str]
  common: Setting
  setting: Setting
  free: frozenset[str]


class Study:
  """A grid of runs: every combination of the axes, and rows by name beside them, each with every seed.

  A setting is a binding ('GENERATOR_DENSITY': 0.05) or a gin file: 'experiment' (in the place of the first of `files`),
  'method' and 'model' (in the place of what the experiment includes), 'dataset', 'metrics', 'ablation' and 'gin_file' (on
  top; 'none' for none). What is no number and no text is written as a text: '@layer_choice.conv_only', '%GENERATOR_DENSITY'.

  Args:
    files: an experiment, and what all runs have on top of it, as --gin_file.
    common: settings of all runs.
    axes: choices by setting. What an axis sets is left out of runs for which it does nothing; of runs that are then the same
      only one is made.
    rows: settings by name of the row; they beat those in `common`, and no axis touches them.
    exclude: combinations that are left out: those that agree with all settings of one of these, each a choice or a list.
    seeds: of every row.
    figures: [what, against what] each: columns of the table, settings, 'step'; 'score' is the first score.
    by_row: whether a row's runs come one after the other, so that the first rows can be compared while others wait; else
      all rows have their first seed before any has the second.
    comparisons: by name, pairs [row, row that it is compared with]: `report` judges the differences of runs of equal seed,
      of all pairs together by the mean of each seed. A row may be one of another study that stands beside this one in the
      report.
  """

  def __init__(self, files: Sequence[str], common: Setting = _EMPTY, axes: Mapping[str, Sequence[object]] = _EMPTY,
               rows: Mapping[str, Setting] = _EMPTY, exclude: Sequence[Setting] = (), seeds: Sequence[int] = (1,),
               figures: Sequence[Sequence[str]] = (), by_row: bool = False,
               comparisons: Mapping[str, Sequence[Sequence[str]]] = _EMPTY):
    self.files, self.common, self.axes = list(files), dict(common), {name: list(axes[name]) for name in axes}
    self.rows, self.exclude, self.seeds = {name: dict(rows[name]) for name in rows}, list(exclude), list(seeds)
    self.figures = [list(pair) for pair in figures]
    self.by_row = by_row
    self.comparisons = {name: [list(pair) for pair in comparisons[name]] for name in comparisons}
    self._check()

  def expand(self) -> list[Row]:
    """Returns all rows: first those by name, then the combinations of the axes.

    Raises:
      UserError: there are none, or an exclusion excludes nothing.
    """
    named = [Row(name, self.files, self.common, setting, frozenset(self.common)) for name, setting in self.rows.items()]
    combinations = [dict(zip(self.axes, choices, strict=True)) for choices in itertools.product(*self.axes.values())]
    for exclusion in self.exclude:
      if not any(_matches(setting, exclusion) for setting in combinations):
        raise errors.UserError(f'Study.exclude: no combination of the axes has {_as_text(exclusion)}.')
    kept = [s for s in combinations if not any(_matches(s, exclusion) for exclusion in self.exclude)]
    if not self.axes and named:
      kept = []
    free = frozenset({*self.axes, *self.common})
    result = named + [Row('', self.files, self.common, setting, free) for setting in kept]
    if not result:
      raise errors.UserError('Study: every combination is excluded, and there is no row beside them.')
    if len(result) * len(self.seeds) > _MOST_RUNS:
      raise errors.UserError(f'Study: {len(result) * len(self.seeds):,} runs; at most {_MOST_RUNS:,}.')
    return result

  def _check(self):
    if not self.files:
      raise errors.UserError('Study.files names no experiment.')
    if not self.seeds or len(set(self.seeds)) < len(self.seeds):
      raise errors.UserError(f'Study.seeds are whole numbers, each of them once; got {self.seeds}.')
    errors.check_counts(self, 0, errors.LARGEST_SEED, **{f'seeds[{i}]': seed for i, seed in enumerate(self.seeds)})
    for name, choices in self.axes.items():
      if not choices or len(set(map(repr, choices))) < len(choices):
        raise errors.UserError(f'Study.axes: {name} needs choices, each of them once; got {choices}.')
    _check_one_each('Study.axes', self.axes)
    _check_one_each('Study.common and Study.axes', [*self.common, *self.axes])
    for where in (self.common, self.axes, *self.rows.values(), *self.exclude):
      for name in where:
        _check_name(name)
    for exclusion in self.exclude:
      if foreign := [name for name in exclusion if name not in self.axes]:
        raise errors.UserError(f'Study.exclude: {foreign[0]} is no axis; there are {", ".join(self.axes) or "none"}.')
    for name, pairs in self.comparisons.items():
      if not pairs or any(len(pair) != 2 or not all(isinstance(row, str) for row in pair) for pair in pairs):
        raise errors.UserError(f'Study.comparisons: {name!r} needs pairs of rows; got {pairs}.')
    for row in self.rows:
      if name_of(row) != row:
        raise errors.UserError(f'Study.rows: {row!r} cannot be the name of a folder; {name_of(row) or "row"!r} can.')


def _check_one_each(where, names):
  """Raises UserError if two of these settings are the same one: 'density' of a class, with and without its module."""
  seen = {}
  for name in names:
    scope, _, selector = name.replace(' ', '').rpartition('/')
    short = scope, '.'.join(selector.split('.')[-2:])
    if short in seen:
      raise errors.UserError(f'{where}: {seen[short]} and {name} set the same.')
    seen[short] = name


def _check_name(name):
  if name in ('seed', 'seeds') or gin_files.is_seed(name):
    raise errors.UserError('Seeds are no axis of a study: Study.seeds, or --seeds=1-3.')
  if name not in FOLDERS and not re.fullmatch(r'(\w+/)*([A-Z]\w*|(\w+\.)+\w+)', name):
    hint = gin_files.did_you_mean(name, FOLDERS)
    raise errors.UserError(f'{name!r} is no setting: give a binding (GENERATOR_DENSITY, DynamicSparse.density), or one of '
                           f'{", ".join(FOLDERS)}.{hint}')


def _matches(setting, exclusion):
  return all(setting[name] in (value if isinstance(value, (list, tuple)) else [value]) for name, value in exclusion.items())


def _as_text(setting):
  return ', '.join(f'{name} = {value}' for name, value in setting.items())


def name_of(text: str) -> str:
  """Returns the text as the name of a folder."""
  return re.sub(r'[^\w.+-]+', '-', text).strip('.-')


def row_name(setting: Setting) -> str:
  """Returns the name of a row without one: its choices."""
  choices = (pathlib.PurePath(str(value)).stem if name in FOLDERS else str(value) for name, value in setting.items())
  return '_'.join(filter(None, map(name_of, choices))) or 'run'


def binding(name: str, value: object) -> str:
  """Returns 'NAME = value' as gin reads it.

  Raises:
    UserError: the value is a reference of gin's that is not written as text.
  """
  if isinstance(value, str) and value[:1] in ('@', '%'):
    return f'{name} = {value}'
  if not _is_literal(value):
    raise errors.UserError(f"{name}: write what is no number and no text as a text: '@module.name', '%NAME'.")
  return f'{name} = {value!r}'


def _is_literal(value):
  if isinstance(value, Mapping):
    return all(map(_is_literal, [*value, *value.values()]))
  if isinstance(value, (list, tuple)):
    return all(map(_is_literal, value))
  return value is None or isinstance(value, (bool, int, float, str))


def find_file(kind: str, choice: str) -> str | None:
  """Returns the gin file of a choice, by its place in gin_configs or by its path; None for none.

  Raises:
    UserError: there is none.
  """
  if choice in _NOTHING and kind not in ('experiment', *IN_PLACE):
    return None
  folder = FOLDERS[kind]
  known = {path.stem: path for path in gin_files.list_folder(folder)} if folder else {}
  stem = str(choice).removesuffix('.gin')
  if stem in known:
    return f'{folder}/{stem}.gin'
  if folder and '/' not in str(choice) and not pathlib.Path(str(choice)).is_file():
    raise errors.UserError(f'{kind}={choice}: there is none; there are {", ".join(known)}.'
                           f'{gin_files.did_you_mean(stem, known)}')
  return portable(str(choice))


def portable(name: str) -> str:
  """Returns a gin file by its place in gin_configs, which is the same on every machine, or else by its whole path.

  Raises:
    UserError: there is no such file.
  """
  path, root = gin_files.find(name), gin_files.config_root().resolve()
  return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def in_place(text: str, kind: str, file: str) -> str | None:
  """Returns the text of an experiment with another file of this kind; None where it does not include one itself."""
  pattern = re.compile(rf"^include '{FOLDERS[kind]}/\w+\.gin'$", re.MULTILINE)
  return pattern.sub(f'include {file!r}', text) if len(pattern.findall(text)) == 1 else None


def parse_axis(flag: str) -> tuple[str, list[object]]:
  """Returns the value of a flag, 'GENERATOR_DENSITY=0.05,0.1' -> ('GENERATOR_DENSITY', [0.05, 0.1]).

  Raises:
    UserError: it is something else.
  """
  name, sign, choices = flag.partition('=')
  if not sign or not name.strip() or not choices.strip():
    raise errors.UserError(f"--axis={flag}: give a setting and its choices, such as --axis='GENERATOR_DENSITY=0.05,0.1'.")
  return name.strip(), [gin_files.literal(part) for part in _split(choices)]


def _split(text) -> Iterator[str]:
  """Returns the parts between the commas that stand in no brackets."""
  depth, start = 0, 0
  for i, character in enumerate(text):
    depth += (character in '([{') - (character in ')]}')
    if character == ',' and not depth:
      yield text[start:i].strip()
      start = i + 1
  yield text[start:].strip()
