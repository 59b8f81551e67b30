"""Expands a study and checks every row of it before the first run: names, data, steps, cost, what scores are computed by.
Prints a plan as JSON.

Run as a module, with the request of `plan` as JSON on standard input.
"""

from collections.abc import Mapping, Sequence
import json
import pathlib
import re
import sys
import tempfile
from typing import NamedTuple

from tf_stugan import errors
from tf_stugan import gin_files
from tf_stugan import gin_limits
from tf_stugan import logs
from tf_stugan import quiet
from tf_stugan.studies import plan as plans
from tf_stugan.studies.study import binding
from tf_stugan.studies.study import find_file
from tf_stugan.studies.study import FOLDERS
from tf_stugan.studies.study import IN_PLACE
from tf_stugan.studies.study import in_place
from tf_stugan.studies.study import name_of
from tf_stugan.studies.study import portable
from tf_stugan.studies.study import row_name
from tf_stugan.studies.study import Setting
from tf_stugan.studies.study import Study

with quiet.hold_back():
  from tf_stugan import configuration
  from tf_stugan.metrics import cost
  from tf_stugan.reports import ledger as ledgers
  import tensorflow as tf
  _GPUS = len(tf.config.list_physical_devices('GPU'))

_STUDY = re.compile(r'^\s*(\w+\.)*Study\.\w+\s*=', re.MULTILINE)
_BYTES = 4 + 4 + 8 + 1  # of a checkpoint, by parameter: weight, average, two moments of Adam, mask
_CHECKPOINTS = 4  # the two newest, the best, and the one that is being written


def plan(request: Mapping[str, object]) -> plans.Plan:
  """Returns the plan of a study.

  Args:
    request: gin_file (files of studies, and of runs), gin_param (bindings of all runs), axis ([[setting, choices]]), seeds
      (or None), gin_module (names of modules), data_dir, cache_dir (where feature extractors are kept that the runs then
      find; None looks at none).

  Raises:
    UserError: something is wrong with it; of several rows the first is told.
  """
  configuration.import_modules(request['gin_module'])
  study = _make_study(request)
  with tempfile.TemporaryDirectory() as scratch:
    checker = _Checker(pathlib.Path(scratch), request['gin_module'], request['data_dir'], request['cache_dir'])
    rows = _distinct(checker.rows(study))
  pairs = ([(row, seed) for row in rows for seed in study.seeds] if study.by_row else
           [(row, seed) for seed in study.seeds for row in rows])
  return plans.Plan([row.run(seed) for row, seed in pairs], checker.generated, study.figures, _GPUS, study.comparisons)


def _make_study(request):
  """Returns the study of the gin files, with what flags say beside them."""
  paths = [gin_files.find(name) for name in request['gin_file']]
  studies = [path for path in paths if _STUDY.search(path.read_text(encoding='utf-8', errors='replace'))]
  others = [portable(str(path)) for path in paths if path not in studies]
  if studies:
    configuration.load(studies, modules=request['gin_module'])
    study = configuration.make_study()
  else:
    study = Study(others[:1])
    others = others[1:]
  given = dict(_pair(text) for text in request['gin_param'])
  return Study([*study.files, *others], {**study.common, **given}, {**study.axes, **dict(request['axis'])}, study.rows,
               study.exclude, request['seeds'] or study.seeds, study.figures, study.by_row, study.comparisons)


def _pair(text):
  name, sign, value = text.partition('=')
  if not sign:
    raise errors.UserError(f'--gin_param={text!r}: give one NAME = value.')
  return name.strip(), gin_files.literal(value.strip())


class _Checked(NamedTuple):
  """A row with what was found out about it: its name, the settings that do something, the names of all that do (those of the
  study, too), how it is trained, what it costs, and which macros its experiment has."""

  name: str
  is_named: bool
  setting: Setting
  used: frozenset[str]
  files: list[str]
  bindings: list[str]
  facts: Mapping[str, object]
  macros: list[str]

  def run(self, seed: int) -> plans.Run:
    """Returns its run with this seed."""
    return plans.Run(f'{self.name}_s{seed}', self.name, seed, self.setting, self.files, [*self.bindings, f'SEED = {seed}'],
                     **self.facts)


class _Checker:
  """Checks rows, one after the other.

  Attributes:
    generated: texts of the gin files that were made for them, by name.
  """

  def __init__(self, scratch: pathlib.Path, modules: Sequence[str], data_dir: str | None, cache_dir: str | None):
    self.generated = {}
    self._scratch = scratch
    self._modules = modules
    self._data_dir = data_dir
    self._cache_dir = cache_dir and pathlib.Path(cache_dir).expanduser()
    self._data = {}  # what was read, by its sources
    self._extractors = set()  # those that are ready

  def rows(self, study: Study) -> list[_Checked]:
    """Returns all rows.

    Raises:
      UserError: one of them cannot be trained, or an axis, or a setting of all, does nothing in any of them.
    """
    checked = []
    for row in study.expand():
      try:
        checked.append(self._check(row))
      except errors.UserError as error:
        refusal = errors.UserError(f'Row {row.name or row_name(row.setting)}: {errors.message(error)}')
        refusal.exit_code = error.exit_code
        raise refusal from error
    used = frozenset().union(*(row.used for row in checked))
    if idle := [name for name in (*study.axes, *study.common) if name not in used]:
      known = {known for row in checked for known in row.macros}
      what = 'axis' if idle[0] in study.axes else 'setting'
      raise errors.UserError(f'The {what} {idle[0]} names nothing that any of these runs uses.'
                             f'{gin_files.did_you_mean(idle[0], sorted(known))}')
    return checked

  def _check(self, row):
    asked = {**row.common, **row.setting}
    base, on_top = self._files(row.files, asked)
    self._load([*base, *on_top.values()], complete=False)  # its bindings may set what is required
    on_top = {name: file for name, file in on_top.items() if name not in row.free or self._is_in_use(file)}
    files = [*base, *on_top.values()]
    snapshot = gin_files.bindings_of(configuration.snapshot())
    bindings = {name: binding(name, value) for name, value in asked.items()
                if name not in FOLDERS and (name not in row.free or _is_known(name, snapshot))}
    self._load(files, bindings.values())
    bindings = {name: text for name, text in bindings.items() if name not in row.free or not configuration.is_idle(text)}
    self._load(files, [*bindings.values(), 'SEED = 1'])
    for file in files[1:]:
      configuration.check_in_use(self._path(file))
    used = frozenset({*bindings, *on_top, 'experiment', *IN_PLACE})
    setting = {name: value for name, value in row.setting.items() if name in used}
    return _Checked(row.name or row_name(setting), bool(row.name), setting, used, files, list(bindings.values()),
                    self._facts(), [name for name in snapshot if '.' not in name])

  def _files(self, study_files, asked):
    """Returns (the experiment and what the study puts on top of it; {setting: file} of what goes on top of that)"""
    first, *rest = map(portable, study_files)
    if 'experiment' in asked:
      first = find_file('experiment', asked['experiment'])
    on_top = {kind: find_file(kind, asked[kind]) for kind in FOLDERS if kind in asked and kind != 'experiment'}
    for kind in IN_PLACE:
      if kind in on_top and (made := self._replace(first, kind, on_top[kind])):
        first = made
        del on_top[kind]
    return [first, *rest], {kind: file for kind, file in on_top.items() if file}

  def _replace(self, experiment, kind, file):
    """Returns the experiment with this method or model in the place of its own, as a file; None where it includes none."""
    text = self._path(experiment).read_text(encoding='utf-8')
    made = in_place(text, kind, file)
    if made in (None, text):
      return made and experiment
    name = f'{pathlib.PurePath(experiment).stem}-{name_of(pathlib.PurePath(file).stem)}.gin'
    (self._scratch / name).write_text(made, encoding='utf-8')
    self.generated[name] = made
    return plans.marked(name)

  def _path(self, file):
    generated = plans.unmarked(file)
    return self._scratch / generated if generated else configuration.find(file)

  def _load(self, files, bindings=(), complete=True):
    paths = [self._path(file) for file in files]
    gin_limits.check_order(paths, self._modules)
    configuration.load(paths, list(bindings), self._modules, complete)

  def _is_in_use(self, file):
    try:
      configuration.check_in_use(self._path(file))
    except errors.UserError:
      return False
    return True

  def _facts(self):
    """Returns what the plan says of the loaded configuration; raises UserError where something is in its way."""
    experiment = configuration.make_experiment()
    stages = experiment.stages()
    for stage in stages:
      trainer = configuration.make_trainer(stage)
      experiment.procedure.check(trainer, stage)
    data = self._read(experiment)
    experiment.check_data(trainer, data)
    trainer.check_data(data)
    if experiment.evaluator and self._cache_dir:
      self._prepare_extractor(experiment.evaluator, data)
    found = ledgers.make_ledgers(stages, cost.Measured())
    ledger = ledgers.sum_ledgers(found)
    parameters = sum(network.parameters for each in found.values() for network in each.networks.values())
    return {'method': trainer.label, 'num_steps': ledger.num_steps, 'training': float(ledger.training),
            'dense_training': float(ledger.dense_training), 'computed': float(ledger.computed),
            'exact': bool(ledger.exact), 'disk': int(parameters * _BYTES * _CHECKPOINTS),
            'stages': {stage.name: [stage.first_step, stage.num_steps] for stage in stages}}

  def _read(self, experiment):
    """Returns the data; read once where several rows have the same."""
    key = repr({domain: _settings(source) for domain, source in experiment.data.items()})
    if key not in self._data:
      self._data[key] = experiment.load_data(self._data_dir)
    return self._data[key]


  def _prepare_extractor(self, evaluator, data):
    """Makes what the runs would otherwise make one beside the other, or finds out that it cannot be had."""
    key = repr([*map(_settings, (evaluator.extractor, evaluator.extractor_data)), [d.fingerprint for d in data.values()]])
    if key not in self._extractors:
      evaluator.prepare_extractor(data, self._cache_dir, self._data_dir)
      self._extractors.add(key)


def _settings(made):
  return type(made), vars(made) if made else None


def _is_known(name, snapshot):
  """Tells whether an experiment has this macro, or binds something of this class."""
  if '.' not in name:
    return name in snapshot
  owner = name.split('/')[-1].split('.')[-2]
  return any(known.split('/')[-1].split('.')[-2:-1] == [owner] for known in snapshot)


def _distinct(rows: Sequence[_Checked]) -> list[_Checked]:
  """Returns the rows without those combinations that are the same as another row.

  Raises:
    UserError: two rows by name are the same, or two that differ would have one name.
  """
  found = {}
  for row in rows:
    key = repr((row.files, sorted(row.bindings)))
    if key in found and row.is_named:
      raise errors.UserError(f'Study.rows: {found[key].name} and {row.name} are the same.')
    found.setdefault(key, row)
  names = [row.name for row in found.values()]
  if again := sorted(name for name in set(names) if names.count(name) > 1):
    raise errors.UserError(f'Two different rows would be called {again[0]}; name one of them in Study.rows.')
  return list(found.values())


def main() -> None:
  """Prints the plan, or {"error": what is wrong, "code": the exit code for it}."""
  tf.config.set_visible_devices([], 'GPU')  # it only counts, and trains classifiers; the runs are to have their memory
  logs.set_up()
  try:
    answer = plans.to_json(plan(json.load(sys.stdin)))
  except KeyboardInterrupt:  # whoever asked has heard of it, too
    sys.exit(errors.Interrupted.exit_code)
  except Exception as error:
    explained = errors.explain(error)
    if explained is None:
      raise
    answer = {'error': errors.message(explained), 'code': explained.exit_code}
  sys.stdout.write(json.dumps(answer) + '\n')


if __name__ == '__main__':
  main()
