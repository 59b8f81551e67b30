import json
import subprocess
import sys

import pytest

from tf_stugan import errors
from tf_stugan.training import strategies


@pytest.mark.parametrize('text, message', [
    ('', 'needs the environment variable TF_CONFIG'),
    ('{', 'TF_CONFIG is not as it should be'),
    ('[]', 'TF_CONFIG is not as it should be'),
    ('{"cluster": {"worker": ["a:1"]}}', "KeyError: 'task'"),
    ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "chief", "index": 0}}', "KeyError: 'chief'"),
    ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}', 'there is no worker 1'),
    ('{"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}', "'a' is no address"),
    ('{"cluster": {"worker": ["a:65536"]}, "task": {"type": "worker", "index": 0}}', "'a:65536' is no address"),
    ('{"cluster": {"worker": ["2222"]}, "task": {"type": "worker", "index": 0}}', "'2222' is no address"),
    ('{"cluster": {"worker": ["a:1"], "chief": "b:1"}, "task": {"type": "worker", "index": 0}}', "chief is a list"),
    ('{"cluster": {"worker": 1}, "task": {"type": "worker", "index": 0}}', "worker is a list of addresses"),
    ('{"cluster": {"worker": ["a:0"]}, "task": {"type": "worker", "index": 0}}', "'a:0' is no address"),
    ('{"cluster": {"worker": ["a:1"], "ps": ["b:1"]}, "task": {"type": "worker", "index": 0}}', r"jobs \['ps'\]"),
])
def test_a_cluster_that_is_none_is_told_in_one_line(text, message):
  with pytest.raises(errors.UserError, match=message) as info:
    strategies.check_cluster(text)
  assert '\n' not in str(info.value)


def test_clusters_with_and_without_a_chief():
  for cluster, task in (({'worker': ['a:1', 'b:2']}, {'type': 'worker', 'index': '1'}),
                        ({'chief': ['a:1'], 'worker': ['b:2']}, {'type': 'chief', 'index': 0})):
    strategies.check_cluster(json.dumps({'cluster': cluster, 'task': task}))


def test_one_process_is_its_own_chief():
  for name in ('one_device', 'mirrored'):
    strategy = strategies.make(name)
    assert strategies.is_chief(strategy) and strategies.num_workers(strategy) == 1
  assert strategies.make('mirrored', worker_timeout=5) is strategies.make('mirrored')


@pytest.mark.slow
@pytest.mark.parametrize('name, message', [
    ('tpu', 'no TPU was found here'), ('multi_worker', 'needs the environment variable TF_CONFIG')])
def test_what_is_not_there_is_told_in_one_line(name, message, tmp_path):
  # In a process of its own: looking for a TPU leaves TensorFlow in a state that nobody else should have.
  result = subprocess.run(
      [sys.executable, '-m', 'tf_stugan.cli', 'train', f'--workdir={tmp_path}/new', '--gin_file=quickstart.gin',
       f'--strategy={name}'], capture_output=True, text=True, timeout=120)
  lines = [line for line in result.stderr.splitlines() if line.startswith('tf-stugan')]
  assert result.returncode == 2 and len(lines) == 1 and message in lines[0]
  assert 'Traceback' not in result.stderr
