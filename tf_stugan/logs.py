"""Where the lines go that this project logs."""

import logging
import sys


class _CurrentStandardError(logging.StreamHandler):
  """Writes to whatever sys.stderr is at the time: while a bar is drawn, it puts lines above the bar."""

  stream = property(lambda self: sys.stderr, lambda self, stream: None)


def set_up() -> None:
  """Sends this project's own lines to standard error; those of the libraries below it only from WARNING on."""
  handler = _CurrentStandardError()
  handler.setFormatter(logging.Formatter('%(asctime)s %(message)s', '%H:%M:%S'))
  logger = logging.getLogger('tf_stugan')
  logger.handlers[:] = [handler]
  logger.setLevel(logging.INFO)
  logger.propagate = False
