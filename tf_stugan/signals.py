"""Signals that ask a process to end: Ctrl-C, SIGTERM, and SIGHUP, which comes when its terminal is closed."""

from collections.abc import Callable, Iterator
import contextlib
import os
import signal
import stat

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def handled(handler: Callable[[int, object], None] | signal.Handlers) -> Iterator[None]:
  """Gives these signals to a handler while entered; a SIGHUP that is ignored, as under nohup, stays so."""
  before = {number: signal.getsignal(number) for number in STOPPING}
  if before[signal.SIGHUP] is signal.SIG_IGN:
    del before[signal.SIGHUP]
  for number in before:
    signal.signal(number, handler)
  try:
    yield
  finally:
    for number, previous in before.items():
      signal.signal(number, previous)


def interrupt(number: int, _: object) -> None:
  """Raises KeyboardInterrupt, as a handler of signals, so that whatever was begun is cleaned up."""
  del number
  forget_lost_terminal()
  raise KeyboardInterrupt


def forget_lost_terminal() -> None:
  """Sends output for a terminal that was closed nowhere; writing it there would be an error from now on."""
  for descriptor in (1, 2):
    with contextlib.suppress(OSError):  # it is closed
      if stat.S_ISCHR(os.fstat(descriptor).st_mode) and not os.isatty(descriptor):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, descriptor)
        os.close(null)
