"""Waits until the workers of a run have found each other, and says which are missing."""

from collections.abc import Mapping, Sequence
import logging
import socket
import time

from tf_stugan import errors

_LOG = logging.getLogger(__name__)

_PATIENCE = 10  # seconds, between two lines


def wait_for_all(cluster: Mapping[str, Sequence[str]], own: str, seconds: float) -> None:
  """Waits until a process answers at every address. TensorFlow itself would wait in silence, and ignore signals.

  Args:
    cluster: addresses by job, as in TF_CONFIG.
    own: the address of this process, which listens there meanwhile.
    seconds: how long to wait.

  Raises:
    UserError: the address of this process is in use.
    WorkerLostError: a worker did not answer in time.
  """
  start = said = time.monotonic()
  try:
    listener = _listener(int(own.rpartition(':')[2]))
  except OSError as error:
    raise errors.UserError(f'TF_CONFIG: {own} cannot be used: {error.strerror}') from error
  with listener:
    while missing := [name for name, address in _names(cluster) if not _listens(address)]:
      if (now := time.monotonic()) > start + seconds:
        raise errors.WorkerLostError(
            f'After {seconds:g} seconds (--worker_timeout) there is still nobody at {", ".join(missing)}. Start all workers '
            'again.')
      if now > said + _PATIENCE:
        said = now
        _LOG.info('Waiting for %s, at most %g seconds (--worker_timeout) ...', ', '.join(missing), seconds)
      time.sleep(0.2)


def _names(cluster):
  return [(f'{job} {i} ({address})', address) for job, addresses in sorted(cluster.items())
          for i, address in enumerate(addresses)]


def _listener(port):
  if socket.has_dualstack_ipv6():
    return socket.create_server(('', port), family=socket.AF_INET6, dualstack_ipv6=True)
  return socket.create_server(('', port))


def _listens(address):
  host, _, port = address.rpartition(':')
  try:
    socket.create_connection((host.strip('[]'), int(port)), timeout=2).close()
  except OSError:
    return False
  return True
