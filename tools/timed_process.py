"""Work in processes of their own, timed in turn: what only a new process can be given (threads, another framework).

A worker calls `answer` with its pieces of work, by name; `TimedProcess` starts it and asks for the seconds of one of them.
Between questions a worker waits, and takes no time from the others.
"""

from collections.abc import Callable, Mapping, Sequence
import contextlib
import os
import subprocess
import sys


class TimedProcess:
  """Runs a Python command in a process of its own, which answers with seconds.

  Args:
    command: what follows `python`.
    environment: variables beside those of this process.
  """

  def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None = None):
    self.process = subprocess.Popen(  # pylint: disable=consider-using-with
        [sys.executable, *command], env={**os.environ, **(environment or {})}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

  def seconds(self, name: str) -> float:
    """Does the work of that name once. Raises RuntimeError where the process came to an end."""
    with contextlib.suppress(BrokenPipeError):  # it ended before it was asked
      self.process.stdin.write(f'{name}\n')
      self.process.stdin.flush()
    answer = self.process.stdout.readline()
    if not answer:
      raise RuntimeError(f'{self.process.args} ended without an answer, see above')
    return float(answer)

  def close(self):
    """Ends the process."""
    self.process.communicate()


def answer(work: Mapping[str, Callable[[], float]]):
  """Does what the lines of standard input name, and writes the seconds that each returns, until there are no more."""
  for line in sys.stdin:
    sys.stdout.write(f'{work[line.strip()]()}\n')
    sys.stdout.flush()
