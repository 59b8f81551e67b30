"""What `tf-stugan data` does."""

import pathlib
import sys

from absl import flags
import numpy as np

from tf_stugan import configuration
from tf_stugan import errors
from tf_stugan.commands import common
from tf_stugan.data import prepared
from tf_stugan.data.domains import OneClass
from tf_stugan.data.image_folder import DOMAIN_FOLDERS
from tf_stugan.data.stored_images import printable
from tf_stugan.data.stored_images import StoredImages
from tf_stugan.data.stored_images import Survey
from tf_stugan.usage import data as usage

_FIRST_EXPERIMENT = 'sngan_cifar10_small_stugan.gin'
_FIRST_TRANSLATION = 'cyclegan_cifar10_small_stugan.gin'
_MOST_NAMES = 12  # of classes or sizes in one line


def run(values: flags.FlagValues, action: str, name: str = '') -> None:
  parts = _parts(name)
  for part in parts:
    files, bindings = _run(values, action, part)
  if action == 'check':
    command = (_training_command(values, name, files, bindings) if parts == [name] else
               _translating_command(values, pathlib.Path(name).expanduser().absolute()))
    _write('train on it', common.as_typed(command))


def _parts(name):
  """Lists the folders of a folder that holds two domains, trainA and trainB; any other name stands by itself."""
  folder = pathlib.Path(name).expanduser()
  there = [part for part in DOMAIN_FOLDERS if name and (folder / part).is_dir()]
  return [str(folder / part) for part in there] if there[:2] == ['trainA', 'trainB'] else [name]


def _run(values, action, name):
  """Returns the files and bindings of the set."""
  files, bindings = usage.find_set(values, name)
  paths = [configuration.find(f) for f in (usage.BASE, *files)]
  configuration.load(paths, bindings, values.gin_module)
  for source in configuration.make_data().values():
    _ACTIONS[action](source.source if isinstance(source, OneClass) else source, values.data_dir)
  return files, bindings


def _training_command(values, name, files, bindings):
  """Writes the command of a first run: of the experiment that was named, or of a small one at its resolution."""
  if not values.gin_file:
    files = [_FIRST_EXPERIMENT, *files]
    bindings = [*(b for b in bindings if not b.startswith('IMAGE_RESOLUTION')), 'IMAGE_RESOLUTION = 32']
  label = pathlib.Path(name or files[0]).stem
  flags_ = [f'--workdir=runs/{label}', *(f'--gin_file={f}' for f in files), *(f'--gin_param={b}' for b in bindings)]
  return ['tf-stugan', 'train', *flags_, *([f'--data_dir={values.data_dir}'] if values.data_dir else [])]


def _translating_command(values, folder):
  """Writes the command of a first run that translates between the two domains of a folder, scored without labels."""
  files = [_FIRST_TRANSLATION, 'datasets/domain_folder.gin', 'metrics/random_network.gin']
  bindings = [*(b for b in values.gin_param if not b.startswith('IMAGE_RESOLUTION')), f'IMAGE_FOLDER = {str(folder)!r}',
              'IMAGE_RESOLUTION = 32', 'Evaluator.extractor_data = None']
  return ['tf-stugan', 'train', f'--workdir=runs/{folder.name}', *(f'--gin_file={f}' for f in files),
          *(f'--gin_param={b}' for b in bindings)]


def _check(source, data_dir):
  if not isinstance(source, StoredImages):
    data = source.load(data_dir)
    _write('data set', data.name)
    _write('images', f'{len(data)} of {data.image_shape}, made anew at each start; {data.num_classes} classes')
    return
  folder = source.prepared_folder(data_dir)
  try:
    source.listing(data_dir)
  except errors.DataError as error:
    if not folder.is_dir():
      raise
    _check_alone(folder, error)
    return
  survey = source.survey(data_dir)
  _describe(survey)
  if folder.is_dir():
    prepared.verify(folder)
    source.load(data_dir)  # raises where the originals have changed since
  _write('prepared', f'{folder} (whole)' if folder.is_dir() else 'no')
  if not survey.usable:
    raise errors.DataError(f'{survey.listing.name} has no usable image.')


def _check_alone(folder, why):
  """Checks a prepared set without its originals."""
  prepared.verify(folder)
  data = prepared.load(folder)
  _write('data set', data.name)
  _write('images', str(len(data)))
  counts = np.bincount(data.labels, minlength=data.num_classes)
  _write('classes', f'{data.num_classes}: ' + _most_common({str(label): int(n) for label, n in enumerate(counts)}))
  _write_pixels({str(data.image_shape): len(data)}, data.images.nbytes)
  _write('prepared', f'{folder} (whole)')
  _write('originals', f'not here: {why}')


def _describe(survey: Survey):
  _write('data set', survey.listing.name)
  _write('images', str(survey.usable))
  _write('sizes', _most_common({f'{h} x {w}': n for (h, w), n in survey.sizes.items()}))
  classes = survey.listing.classes
  _write('classes', f'{len(classes)}: ' + _most_common({classes[i]: survey.labels[i] for i in range(len(classes))}))
  if empty := survey.empty_classes:
    _write('no image of', _some(map(printable, empty)))
  _write_pixels({str(s): n for s, n in survey.shapes.items()}, sum(h * w * c * n for (h, w, c), n in survey.shapes.items()))
  if survey.remarks:
    _write('converted', _most_common(survey.remarks))
  for why, names in sorted(survey.problems.items()):
    _write('left out', f'{len(names)} {why}: ' + _some(map(printable, names)))


def _most_common(counts):
  ordered = sorted(counts.items(), key=lambda pair: -pair[1])
  return _some(f'{printable(name)} ({count})' for name, count in ordered)


def _some(texts):
  texts = list(texts)
  return ', '.join(texts[:_MOST_NAMES]) + (f', and {len(texts) - _MOST_NAMES} more' if len(texts) > _MOST_NAMES else '')


def _prepare(source, data_dir):
  if not isinstance(source, StoredImages):
    raise errors.UserError('this data set is made in memory at each start; there is nothing to prepare.')
  folder = source.prepared_folder(data_dir)
  if not folder.exists():
    try:
      _describe(source.prepare(data_dir))
    except KeyboardInterrupt as error:
      raise errors.Interrupted('stopped; nothing was left behind. The same command begins again.') from error
  data = source.load(data_dir)  # raises where the originals have changed since
  _write('prepared', f'{data.name}: {len(data)} images {data.image_shape}, {data.images.nbytes / 1e6:.4g} MB in {folder}')


def _write_pixels(shapes, size):
  _write('trained on',
         f'{_most_common(shapes)}; {size / 1e6:.4g} MB of uint8, given to the networks as float32 in [-1, 1]')


def _write(what, text):
  sys.stdout.write(f'{what:12} {text}\n')


_ACTIONS = {'check': _check, 'prepare': _prepare}
