"""What `tf-stugan evaluate` does."""

import json
import logging
import pathlib
import sys

from absl import flags

from tf_stugan import compat
from tf_stugan import configuration
from tf_stugan import errors
from tf_stugan import output_files
from tf_stugan.commands import common
from tf_stugan.data.image_folder import ImageFolder
from tf_stugan.reports import score_curves
from tf_stugan.training import row_files
from tf_stugan.training import saved_steps
from tf_stugan.training.evaluation import details
from tf_stugan.training.workdir import Workdir
from tf_stugan.usage import evaluate as usage
from tf_stugan.usage.data import find_named

_LOG = logging.getLogger(__name__)

_COMMAND = 'tf-stugan evaluate'  # signs what is written to --output


def run(values: flags.FlagValues) -> None:
  if values.images:
    _score_folder(values)
    return
  for folder in (folders := usage.runs_of(values)):
    output = values.output
    if len(folders) > 1:
      _LOG.info('Stage %s, in %s', folder.name, folder)
      compat.collect_graphs()  # of the run before, or its memory would not be free in time
      output = output and pathlib.Path(output, folder.name)
    _score_run(values, Workdir(str(folder)), output)


def _score_run(values, workdir, output):
  experiment = common.make_experiment(values, workdir, values.gin_file, values.gin_param)
  if not experiment.evaluator:
    raise errors.UserError(f'{workdir.path} is a run without scores (metrics/none.gin); a file gives it some, for example '
                           '--gin_file=metrics/random_network.gin.')
  evaluator = experiment.evaluator
  evaluator.num_samples = values.num_samples or evaluator.num_samples
  trainer = configuration.build_configured(experiment.make_trainer)
  if values.num_samples and all(output.source for output in trainer.gan.outputs.values()):
    raise errors.UserError('--num_samples is for images that are made of noise; this run translates: all test images are '
                           'scored.')
  experiment.prepare(trainer, workdir, values.data_dir, pathlib.Path(values.cache_dir))
  evaluator.batch_size = values.batch_size or evaluator.batch_size
  if values.statistics:
    evaluator.batch_statistics = values.statistics == 'batch'
  for choice in _choices(values.checkpoint, workdir):
    step = common.restore_chosen(trainer, workdir, choice)
    prefix = f'step-{step:08}-'
    _check_output(output, prefix)
    scores = _some(evaluator.evaluate(trainer.gan.outputs))
    row = {'step': step, **scores, 'protocol': evaluator.protocol(), **details(scores)}
    _print(row)
    row_files.append(workdir.evaluations, row)
    _write(row, output or (workdir.path / 'evaluation' if 'curves' in row else None), prefix)


def _choices(checkpoint, workdir):
  """Lists the checkpoints that are asked for."""
  if checkpoint != 'all':
    return [checkpoint]
  return [str(saved_steps.step_of(path)) for path in saved_steps.list_checkpoints(workdir.checkpoints)] or ['newest']


def _score_folder(values):
  _check_output(values.output)
  file, bindings = find_named(values.against)
  if values.resolution or 'image_folder' in file:
    bindings.append(f'IMAGE_RESOLUTION = {values.resolution}')
  files = ['runs/data_only.gin', 'metrics/random_network.gin', file, *values.gin_file]
  configuration.load(list(map(configuration.find, files)), [*bindings, *values.gin_param], values.gin_module)
  evaluator = configuration.make_evaluator()
  if not evaluator:
    raise errors.UserError('metrics/none.gin scores nothing.')
  against, images = _load_images(values)
  evaluator.batch_size = values.batch_size or evaluator.batch_size
  scores, protocol = evaluator.compare(images, against, pathlib.Path(values.cache_dir))
  row = {**_some(scores), 'protocol': protocol, **details(scores)}
  _print(row)
  _write(row, values.output)


def _load_images(values):
  """Reads what is compared with, and what is scored: images of one shape [H, W, C]."""
  sources = configuration.make_data()
  if len(sources) > 1:
    raise errors.UserError(f'--against={values.against} has the domains {", ".join(sources)}: give the folder of one.')
  against = next(iter(sources.values())).load(values.data_dir)
  images = ImageFolder(values.images, values.resolution, against.image_shape[-1]).load()
  if images.image_shape != against.image_shape:
    raise errors.DataError(
        f'--images={values.images} has images of {_size(images)} pixels, --against={values.against} of {_size(against)}: '
        '--resolution=N brings both to N x N.')
  return against, images


def _size(images):
  return f'{images.image_shape[0]} x {images.image_shape[1]}'


def _some(scores):
  if not scores:
    raise errors.DataError('There are too few images for any of these scores; the lines above say how many they need.')
  return scores


def _check_output(folder, prefix=''):
  """Raises UserError, before minutes of scoring, if the file of scores may not be written."""
  if folder:
    output_files.check_files(pathlib.Path(folder), [f'{prefix}scores.json'], _COMMAND)


def _print(row):
  """Prints a row, without the points of its curves, before anything is written that may fail."""
  sys.stdout.write(json.dumps({key: value for key, value in row.items() if key != 'curves'}, indent=1) + '\n')
  sys.stdout.flush()


def _write(row, folder, prefix=''):
  """Puts a row, and its curves as figures, into a folder, if there is one."""
  if folder is None:
    return
  with output_files.new_files(pathlib.Path(folder), _COMMAND) as written:
    (written / f'{prefix}scores.json').write_text(json.dumps(row, indent=1) + '\n')
    for name, points in row.get('curves', {}).items():
      score_curves.plot({'': points}, name, written / f'{prefix}{name.replace("/", "_")}.png')
  _LOG.info('Scores and curves are in %s/', folder)
