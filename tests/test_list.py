"""`tf-stugan list`: every file has its line, and the sizes are those of the networks and the data."""

import pathlib
import re
import subprocess
import sys

import pytest

from tf_stugan import gin_files
from tf_stugan.commands import list as list_command
from tf_stugan.data import embedded

ROOT = pathlib.Path(__file__).parents[1]


@pytest.mark.parametrize('kind', ['models', 'datasets', 'methods', 'procedures', 'experiments'])
def test_each_file_has_one_line_that_says_what_it_is(kind):
  files, lines = gin_files.list_folder(kind), list_command.describe(kind).splitlines()
  assert len(files) == len(lines) > 5
  for file, line in zip(files, lines, strict=True):
    assert re.match(rf'{file.stem}(.gin)? +\S.{{15,}}[^. ]$', line)
    if kind not in ('methods', 'procedures'):
      assert re.search(r' \d+ x \d+', line)


def test_sizes_in_the_headers_of_models_are_those_of_the_document():
  """Which `tools/model_zoo.py` makes from the networks themselves."""
  text = (ROOT / 'docs' / 'models.md').read_text()
  for file in gin_files.list_folder('models'):
    rows = re.findall(rf'^\| `{file.stem}` \| (\d+ x \d+) \| ([\d-]+) \| (\w+) \| ([\d,]+) \|', text, re.MULTILINE)
    assert [row[2] for row in rows] == ['generator', 'discriminator']
    classes = 'no' if rows[0][1] == '-' else f'{int(rows[0][1]):,}'
    assert gin_files.header(file)['Size'].startswith(
        f'{rows[0][0]}, {classes} classes; parameters: generator {rows[0][3]}, discriminator {rows[1][3]}')


def test_sizes_in_the_headers_of_data_sets_are_those_that_they_set():
  for file in gin_files.list_folder('datasets'):
    resolution = re.search(r'^IMAGE_RESOLUTION = (\d+)', file.read_text(), re.MULTILINE)[1]
    assert f'{resolution} x {resolution}' in gin_files.header(file)['Size']
  digits = embedded.Digits().load()
  assert gin_files.header(gin_files.find('datasets/digits.gin'))['Size'] == (
      f'{digits.image_shape[0]} x {digits.image_shape[1]} in grey, {digits.num_classes} classes, {len(digits):,} images')


def test_parameters_are_left_out_where_an_experiment_changes_the_width():
  lines = {line.split()[0]: line for line in list_command.describe('experiments').splitlines()}
  assert 'generator 4,276,739' in lines['sngan_cifar10_stugan.gin']
  assert 'parameters' not in lines['sngan_cifar10_small_stugan.gin'] + lines['quickstart.gin']


def test_it_does_without_tensorflow():
  code = ('import sys; from tf_stugan import cli; cli.main(["tf-stugan", "list", "models"]); '
          'sys.exit("tensorflow" in sys.modules)')
  assert b'sngan_48' in subprocess.run([sys.executable, '-c', code], check=True, capture_output=True).stdout
