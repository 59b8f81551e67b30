"""How a tool tells what its user can put right: in one line, with the exit code of `tf-stugan`."""

from collections.abc import Callable
import functools
import os
import sys

from tf_stugan import errors


def in_one_line(main: Callable[[list[str]], int | None]) -> Callable[[list[str]], int | None]:
  """Returns a main function for `absl.app.run` that prints a `UserError` without a traceback."""
  @functools.wraps(main)
  def run(arguments):
    try:
      return main(arguments)
    except errors.UserError as error:
      sys.stderr.write(f'{os.path.basename(arguments[0])}: {errors.message(error)}\n')
      return error.exit_code
  return run
