import logging

import pytest

from tests import tiny
from tf_stugan import errors
from tf_stugan.training import hooks
from tf_stugan.training import profiling


@pytest.mark.slow
def test_a_trace_is_written_once_the_graphs_have_settled(tmp_path, caplog):
  caplog.set_level(logging.INFO)
  trainer = tiny.make_trainer(interval=100, steps_per_call=1)
  trainer.fit(tiny.DATA, 8, [profiling.Profile(tmp_path / 'profile')])
  assert [p.stat().st_size > 1000 for p in tmp_path.rglob('*.xplane.pb')] == [True]
  assert f'Trace of the training step: {tmp_path}' in caplog.text


@pytest.mark.slow
def test_a_run_too_short_for_a_trace_says_so(tmp_path, caplog):
  tiny.make_trainer(interval=100).fit(tiny.DATA, 1, [profiling.Profile(tmp_path)])
  assert 'No trace was written' in caplog.text


@pytest.mark.slow
def test_a_run_that_fails_leaves_the_trace_it_has(tmp_path):
  class Fails(hooks.Hook):

    def __call__(self, trainer, step):
      raise errors.Interrupted('stopped')

  with pytest.raises(errors.Interrupted):
    tiny.make_trainer(interval=100, steps_per_call=1).fit(tiny.DATA, 9, [profiling.Profile(tmp_path / 'profile'), Fails(4)])
  assert len(list(tmp_path.rglob('*.xplane.pb'))) == 1
