import socket
import threading
import time

import pytest

from tf_stugan import errors
from tf_stugan.training import meeting


@pytest.fixture
def addresses():
  """Two of this machine where nobody listens."""
  sockets = [socket.create_server(('127.0.0.1', 0)) for _ in range(2)]
  names = [f'127.0.0.1:{s.getsockname()[1]}' for s in sockets]
  for s in sockets:
    s.close()
  return names


def test_who_does_not_come_is_named_and_not_waited_for_for_ever(addresses):
  start = time.monotonic()
  with pytest.raises(errors.WorkerLostError, match=rf'After 0.5 seconds .* nobody at worker 1 \({addresses[1]}\)') as info:
    meeting.wait_for_all({'worker': addresses}, addresses[0], 0.5)
  assert 0.5 <= time.monotonic() - start < 10 and info.value.exit_code == 7


def meet(cluster, own, servers):
  """As a worker does: TensorFlow's server follows at the same port."""
  meeting.wait_for_all(cluster, own, 20)
  servers.append(socket.create_server(('127.0.0.1', int(own.rpartition(':')[2]))))


def test_workers_find_each_other_though_one_is_late(addresses):
  cluster, servers = {'chief': addresses[:1], 'worker': addresses[1:]}, []
  late = threading.Timer(0.5, meet, (cluster, addresses[1], servers))
  late.start()
  meet(cluster, addresses[0], servers)
  late.join()
  assert len(servers) == 2
  for server in servers:
    server.close()


def test_a_port_that_is_taken(addresses):
  port = int(addresses[0].rpartition(':')[2])
  with socket.create_server(('127.0.0.1', port)), pytest.raises(errors.UserError, match='cannot be used'):
    meeting.wait_for_all({'worker': addresses}, addresses[0], 1)
