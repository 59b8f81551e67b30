import resource
import sys

import numpy as np
import pytest

from tf_stugan.training.run_log import Log
from tf_stugan.training.workdir import Workdir


@pytest.fixture
def small_files():
  """No file can grow beyond 8 KiB: as on a disk that fills up."""
  before = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (2**13, before[1]))
  yield
  resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_run_goes_on_where_tensorboard_cannot_write(tmp_path, caplog, small_files):
  log = Log(Workdir(tmp_path))
  noise = np.random.default_rng(1).integers(0, 256, [64, 64, 3], np.uint8)
  for step in range(4):
    log.write_image(step, 'noise', noise)
    log.write_scalars(step, {'loss': 1.0})
  log.write_row('train', 4, {'loss': 1.0})
  assert caplog.text.count('nothing goes to TensorBoard') == 1
  assert len(Workdir(tmp_path).rows()) == 1


def test_a_run_goes_on_without_tensorboard(tmp_path, caplog, monkeypatch):
  for module in ('tensorboard', 'tensorboard.summary', 'tensorboard.summary.v2'):
    monkeypatch.setitem(sys.modules, module, None)
  log = Log(Workdir(tmp_path))
  log.write_scalars(1, {'loss': 1.0})
  log.write_image(1, 'black', np.zeros([2, 2, 3], np.uint8))
  assert caplog.text.count('nothing goes to TensorBoard') == 1 and not (tmp_path / 'events').exists()
