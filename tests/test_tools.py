"""Tools leave alone what they did not write, and say so before they measure for an hour."""

import importlib
import pathlib

from absl import flags
from absl.testing import flagsaver
import pytest

from tf_stugan import errors

ROOT = pathlib.Path(__file__).parents[1]


@pytest.mark.parametrize('name, flag, file', [
    ('model_zoo', 'output', 'notes.md'), ('export_sizes', 'out', 'notes.md'), ('benchmark_edge', 'out', 'table.md')])
def test_an_output_of_somebody_else_is_refused_at_once(name, flag, file, tmp_path, monkeypatch):
  monkeypatch.syspath_prepend(ROOT / 'tools')
  tool = importlib.import_module(name)
  (tmp_path / file).write_text('not yours')
  if not flags.FLAGS.is_parsed():
    flags.FLAGS(['test'])
  output = tmp_path if file == 'table.md' else tmp_path / file
  for work in ('models', 'make_output'):
    monkeypatch.delattr(tool, work, raising=False)  # it does not come that far
  with flagsaver.flagsaver(**{flag: str(output)}), pytest.raises(errors.UserError, match='not what this command wrote'):
    tool.main([])
  assert (tmp_path / file).read_text() == 'not yours'


def test_the_documents_are_what_the_tools_replace():
  for name, tool in (('models.md', 'model_zoo'), ('edge/sizes.md', 'export_sizes')):
    assert f'tools/{tool}.py' in (ROOT / 'docs' / name).read_text()
