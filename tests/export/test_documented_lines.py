"""The lines of the documents that run an exported file elsewhere, executed as they stand there."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest

from tests import processes
from tests import tiny
from tests.export import sparse_generator
from tf_stugan.export import exporter

_DOCUMENTS = ('README.md', 'docs/using.md', 'docs/edge.md')
_FILE = re.compile(r"Interpreter\('([\w/.]+)'\)")


def _lines(document):
  text = (processes.ROOT / document).read_text()
  block, = [b for b in re.findall(r'^```python\n(.*?)^```', text, re.MULTILINE | re.DOTALL) if 'ai_edge_litert' in b]
  return block


@pytest.fixture(scope='module')
def generator():
  return sparse_generator.prepare(tiny.generator(4, 1, 128), 0.3)


@pytest.fixture(scope='module')
def model(generator):
  return exporter.export(sparse_generator.output(generator)).model


@pytest.mark.parametrize('document', _DOCUMENTS)
def test_python_needs_litert_and_numpy_alone(document, generator, model, tmp_path):
  lines = _lines(document)
  file = tmp_path / _FILE.search(lines)[1]
  file.parent.mkdir(parents=True)
  file.write_bytes(model)
  for name in ('tensorflow', 'tf_keras', 'tf_stugan'):
    (tmp_path / f'{name}.py').write_text('raise ImportError("It was imported.")')
  program = f'{lines}\nnp.savez("made.npz", latents=latents, image=image)\n'
  subprocess.run([sys.executable, '-W', 'error', '-c', program], cwd=tmp_path, check=True, timeout=120,
                 env={**os.environ, 'PYTHONPATH': str(tmp_path)})
  made = np.load(tmp_path / 'made.npz')
  np.testing.assert_allclose(made['image'], generator(made['latents'], training=False)[0], atol=1e-5)
