"""A study of runs that take seconds, as real processes."""

import pathlib

from tests import processes

STUDY = """# Six runs of a GAN of a few hundred weights.

from __gin__ import dynamic_registration
from tf_stugan.studies import study

study.Study.files = {files}
study.Study.common = {common}
study.Study.axes = {{'GENERATOR_DENSITY': [0.2, 0.3, 0.4]}}
study.Study.seeds = [1, 2]
"""
_COMMON = {'GENERATOR_WIDTH': 4, 'DISCRIMINATOR_WIDTH': 2, 'UPDATE_INTERVAL': 1, 'BALANCE_INTERVAL': 1,
           'Train.checkpoint_interval': 2, 'Train.evaluate_interval': 50, 'Train.sample_interval': 200,
           'RandomImages.num_images': 24}
_FILES = ['runs/train.gin', 'models/dcgan.gin', 'datasets/digits.gin', 'metrics/classifier.gin', 'methods/stugan.gin',
          'runs/tiny.gin', 'runs/noise.gin']


def write(folder: pathlib.Path, **common) -> pathlib.Path:
  """The gin file of a study of six runs."""
  path = folder / 'six.gin'
  path.write_text(STUDY.format(files=_FILES, common={**_COMMON, **common}))
  return path


def start(workdir: pathlib.Path, file: pathlib.Path, *flags: str, **environment: str):
  """A process `tf-stugan study`."""
  return processes.start(['-m', 'tf_stugan.cli', 'study', f'--workdir={workdir}', f'--gin_file={file}',
                          f'--cache_dir={file.parent / "cache"}', *flags], **environment)
