"""docs/models.md says what the gin tree says."""

import pathlib
import sys

import pytest

from tests.tiny import some_slow

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture(scope='module')
def zoo():
  sys.path.insert(0, str(ROOT / 'tools'))
  import model_zoo
  yield model_zoo
  sys.path.remove(str(ROOT / 'tools'))


def test_the_document_has_every_model(zoo):
  text = (ROOT / 'docs' / 'models.md').read_text()
  names = [file.stem for file in zoo.models()]
  assert {'sngan', 'biggan_128', 'autogan_c'} <= set(names) and 'resnet' not in names
  for name in names:
    assert text.count(f'`{name}` |') == 3, name
    assert f'* `{name}`: ' in text


@pytest.mark.parametrize('model', some_slow(['sngan_48', 'diffaug_gan', 'wgan_gp', 'wgan_64'], quick=['sngan_48']))
def test_its_rows_are_those_of_the_tool(zoo, model):
  text = (ROOT / 'docs' / 'models.md').read_text()
  file, = (f for f in zoo.models() if f.stem == model)
  assert all(part in text for part in zoo.describe(file))
