"""A study on two Ray nodes, one of which is lost: its runs go on elsewhere, and come out as on one machine."""

import time

import pytest

from tests import processes
from tests.studies import small
from tf_stugan.studies.display import last_rows

pytestmark = [pytest.mark.slow, pytest.mark.multiprocess, pytest.mark.filterwarnings('ignore')]
RUNS = [f'{density}_s1' for density in (0.2, 0.3, 0.4)]


def wait_for(condition, seconds=900):
  end = time.monotonic() + seconds
  while not condition():
    assert time.monotonic() < end
    time.sleep(0.2)


def test_runs_of_a_lost_node_go_on_on_another_as_if_nothing_had_happened(tmp_path, monkeypatch):
  pytest.importorskip('ray')
  from ray import cluster_utils  # pylint: disable=g-import-not-at-top  (not there without the extra)
  monkeypatch.setenv('PYTHONPATH', str(processes.ROOT))  # of the nodes, too
  file = small.write(tmp_path, NUM_STEPS=200)
  cluster = cluster_utils.Cluster(initialize_head=True, head_node_args={'num_cpus': 1})
  try:
    lost = cluster.add_node(num_cpus=1)
    study = small.start(tmp_path / 'ray', file, '--seeds=1', '--engine=ray', RAY_ADDRESS=cluster.address)
    begun = [tmp_path / 'ray' / 'runs' / name for name in RUNS[:2]]  # a CPU a node, so that they are on one each
    wait_for(lambda: study.poll() is not None or all(last_rows(path / 'metrics.jsonl')[0] >= 10 for path in begun))
    cluster.remove_node(lost, allow_graceful=False)
    code, output = processes.finish(study, 1800)
  finally:
    cluster.shutdown()
  assert code == 0, output
  logs = {name: (tmp_path / 'ray' / 'logs' / f'{name}.log').read_text() for name in RUNS}
  interrupted = [name for name in RUNS if 'Going on from the checkpoint' in logs[name]]
  assert interrupted and set(interrupted) <= set(RUNS[:2]), logs
  assert all(log.count('Done: ') == 1 for log in logs.values())  # nothing was run twice

  code, output = processes.finish(small.start(tmp_path / 'local', file, '--seeds=1', '--jobs=2', '--threads=1'), 1800)
  assert code == 0, output
  for name in RUNS:
    rows = [(tmp_path / engine / 'runs' / name / 'metrics.jsonl').read_bytes() for engine in ('ray', 'local')]
    assert rows[0] == rows[1], name
