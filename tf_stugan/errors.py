"""What a user is told, in one line, and the exit code that goes with it.

Raise one of these where the mistake is found; `cli.main` prints the message without a traceback. The message says
what is wrong, where, and what to do instead.
"""


class UserError(Exception):
  """Something the user can put right. The base class is also a usage or configuration error."""

  exit_code = 2


class DataError(UserError):
  """The data set is missing, unreadable or too small for what was asked."""

  exit_code = 3


class DivergedError(UserError):
  """A loss became NaN or infinite."""

  exit_code = 4


class DisagreementError(UserError):
  """Replicas that have to be equal are not."""

  exit_code = 4


class CheckpointError(UserError):
  """The workdir holds checkpoints, and none of them can be used."""

  exit_code = 5


class DiskError(UserError):
  """A checkpoint could not be written: disk full, or read-only."""

  exit_code = 6


class WorkerLostError(UserError):
  """Another process of the same run is gone; start all of them again."""

  exit_code = 7


class Interrupted(UserError):
  """The run was stopped on request, saved, and can be resumed."""

  exit_code = 42
