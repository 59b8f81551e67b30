"""Packed runs on the Hugging Face hub: the parts of a folder, each in a repository of its own name.

What comes from there is checked like any packed run, part by part, and what its manifest does not name is not asked for. The
checksums find damage; whom a repository belongs to, its page tells.
"""

from collections.abc import Collection, Mapping
import contextlib
import pathlib
import re

from tf_stugan import errors
from tf_stugan.sharing import packed_files

SCHEME = 'hf://'
_NAME = re.compile(r'[\w.-]+/[\w.-]+')
_FOREIGN = {'.gitattributes'}  # what every repository has from the hub itself


def check_name(name: str) -> None:
  """Raises UserError unless this is what a repository is called, and the hub's library is installed."""
  _library()
  if not _NAME.fullmatch(name):
    raise errors.UserError(f'{name!r} is no name of a repository: it is OWNER/NAME.')


def push(name: str, files: Mapping[str, bytes], message: str) -> str:
  """Puts the parts of a packed run into a repository, in one commit, with the account that `hf auth login` knows.

  Args:
    name: OWNER/NAME; a new repository is made private.
    files: as `packing.collect` makes them.
    message: of the commit.

  Returns:
    Where the commit can be looked at.

  Raises:
    UserError: the hub refuses it, cannot be reached, or has something else under this name.
  """
  library = _library()
  api = library.HfApi()
  with _one_line_errors(name):
    if not api.repo_exists(name):
      api.create_repo(name, private=True)
    elif (present := set(api.list_repo_files(name)) - _FOREIGN) and packed_files.MANIFEST not in present:
      raise errors.UserError(f'{name} has files that `{packed_files.COMMAND}` did not write: it is left as it is.')
    operations = [library.CommitOperationAdd(part, content) for part, content in packed_files.with_manifest(files).items()]
    return str(api.create_commit(name, operations, commit_message=message).commit_url)


def read(address: str, wanted: Collection[str]) -> dict[str, bytes]:
  """Returns parts of a packed run by name, from the hub or from what was fetched before.

  Args:
    address: hf://OWNER/NAME, or hf://OWNER/NAME@REVISION.
    wanted: names of the parts; whatever became of others, such as the page of the model, does not matter.

  Raises:
    UserError: there is none, it cannot be reached, or it is damaged.
  """
  name, _, revision = address.removeprefix(SCHEME).partition('@')
  check_name(name)
  library = _library()

  def content_of(part):
    with _one_line_errors(address):
      return pathlib.Path(library.hf_hub_download(name, part, revision=revision or None)).read_bytes()
  return packed_files.read_parts(content_of, address, wanted)


def _library():
  try:
    import huggingface_hub.errors  # pylint: disable=g-import-not-at-top  (an extra)
  except ImportError as error:
    raise errors.UserError("The hub needs huggingface_hub: pip install 'tf_stugan[hub]'") from error
  return huggingface_hub


@contextlib.contextmanager
def _one_line_errors(name):
  """Turns what the hub's library raises into one line."""
  problems = _library().errors
  try:
    yield
  except errors.UserError:
    raise
  except (problems.RepositoryNotFoundError, problems.RevisionNotFoundError) as error:
    raise errors.UserError(f'{name} is not on the hub, or not for the account of this machine (`hf auth login`).') from error
  except problems.LocalEntryNotFoundError as error:
    raise errors.UserError(f'{name} cannot be reached, and was not fetched before: {errors.first_line(error)}') from error
  except problems.EntryNotFoundError as error:
    raise errors.DataError(f'{name} is no packed run, or not all of one.') from error
  except Exception as error:  # pylint: disable=broad-except  (its own, and those of whatever client it has for the network)
    raise errors.UserError(f'{name}: the hub says {errors.first_line(error)}') from error
