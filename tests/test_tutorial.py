"""The tutorial, from its first cell to its last."""

import os
import pathlib
import sys

import pytest

from tests import processes

nbclient = pytest.importorskip('nbclient')
nbformat = pytest.importorskip('nbformat')

NOTEBOOK = processes.ROOT / 'docs' / 'tutorial.ipynb'
LARGEST = 200_000  # bytes


def test_it_is_committed_without_outputs():
  notebook = nbformat.read(NOTEBOOK, as_version=4)
  nbformat.validate(notebook)
  code = [cell for cell in notebook.cells if cell.cell_type == 'code']
  assert not any(cell.outputs or cell.execution_count for cell in code)
  assert NOTEBOOK.stat().st_size < LARGEST


@pytest.mark.slow
@pytest.mark.filterwarnings('ignore')  # of Jupyter's
def test_it_runs(monkeypatch, tmp_path):
  """Cells that fail raise; the last of code compares the exported file with the packed one."""
  monkeypatch.setenv('PATH', f'{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}')
  monkeypatch.setenv('PYTHONPATH', str(processes.ROOT))
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
  notebook = nbformat.read(NOTEBOOK, as_version=4)
  nbclient.NotebookClient(notebook, timeout=600, resources={'metadata': {'path': str(tmp_path)}}).execute()
  told = ''.join(output.get('text', '') for cell in notebook.cells for output in cell.get('outputs', ()))
  assert 'Done: runs/tutorial' in told and 'read back, it makes the same images' in told
  assert 'largest difference of a pixel' in told
