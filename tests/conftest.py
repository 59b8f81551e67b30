"""Settings of the whole test suite: two logical CPU devices, so that a strategy with two replicas can be tested."""

import gc
import pathlib

import pytest
import tensorflow as tf

from tf_stugan import compat

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices('CPU')[0], [tf.config.LogicalDeviceConfiguration()] * 2)


_TESTS = pathlib.Path(__file__).parent


@pytest.fixture(scope='module', autouse=True)
def collected_garbage():
  """Looks for garbage once, after the tests of a file. What is left then (TensorFlow's modules, its graphs) stays, and is
  not looked through again; Python's own searches, which are frequent and take ever longer, come more seldom."""
  gc.freeze()
  gc.set_threshold(20_000, 10, 10)
  yield
  compat.collect_graphs()


def pytest_collection_modifyitems(items):
  """Puts first what takes long in one worker, so that none is left alone with it in the end: files with slow tests, those of
  whole commands before others; and last conformance, which is handed out in small parts."""
  slow = {item.path for item in items if item.get_closest_marker('slow') or item.get_closest_marker('multiprocess')}
  items.sort(key=lambda item: (item.path not in slow, 'conformance' in item.path.parts, item.path.parent != _TESTS))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
  """Tests that share fixtures run in one worker: those of a file and, in conformance, those of one experiment or model.

  Told from the names of tests: `--dist loadgroup` of pytest-xdist 3.8 does nothing under pytest 9.2, silently.
  """
  from xdist import scheduler  # pylint: disable=g-import-not-at-top  (not there without xdist, where nobody asks)

  class ByFixtures(scheduler.LoadScopeScheduling):

    def _split_scope(self, nodeid):
      file, _, test = nodeid.partition('::')
      return file + test.partition('[')[2] if file.startswith('tests/conformance/') else file
  config.option.loadscopereorder = False  # not by the number of tests, which says little
  return ByFixtures(config, log)
