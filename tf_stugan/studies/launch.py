"""Becomes the process of one run: `python -m tf_stugan.studies.launch PARENT WORKDIR COMMAND...`

A run ends with whoever started it, however that ends: it gets a SIGTERM, saves, and somebody else goes on with it. And it
begins only when nobody else has its workdir: a run whose starter was lost a moment ago may still be saving.
"""

import ctypes
import os
import pathlib
import signal
import sys
import time

from tf_stugan.training import workdir_lock

_PR_SET_PDEATHSIG = 1  # of prctl(2), on Linux
_SECONDS = 0.5  # between two looks at the lock


def main(parent: str, workdir: str, *command: str) -> None:
  """Does not return: the command takes the place of this process."""
  if sys.platform == 'linux':
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)  # it outlives exec
  while os.getppid() == int(parent) and workdir_lock.is_held(pathlib.Path(workdir)):
    time.sleep(_SECONDS)
  if os.getppid() != int(parent):  # gone before it could be told
    os.kill(os.getpid(), signal.SIGTERM)
  os.execv(sys.executable, [sys.executable, '-m', 'tf_stugan.cli', *command])


if __name__ == '__main__':
  main(*sys.argv[1:])
