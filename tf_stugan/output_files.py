"""Where commands write. What a command did not write itself is never taken away: it is refused with one line.

A file says who wrote it by a sign inside, some bytes that all of them have; a folder by a manifest, which names the command
and the SHA-256 of every file, so that a file that was changed or added since is nobody's but the user's. Files of a run need
no sign: they lie in a folder that is its own.
"""

from collections.abc import Iterable, Iterator
import contextlib
import hashlib
import json
import mmap
import os
import pathlib
import tempfile

from tf_stugan import errors

_MANIFEST = 'tf_stugan.json'


def place(path: str, name: str) -> pathlib.Path:
  """Returns the file to write: `path`, or `name` in it if it is a folder.

  Raises:
    UserError: it would be in a folder that does not exist.
  """
  target = pathlib.Path(path)
  if target.is_dir():
    return target / name
  if path.endswith(os.sep) or not target.parent.is_dir():
    raise errors.UserError(f'--output={path} cannot be written: there is no such folder.')
  return target


def place_folder(path: str, name: str, command: str) -> pathlib.Path:
  """Returns the folder to write: as `place`, but a folder that `command` wrote is to be replaced itself."""
  return pathlib.Path(path) if _read_manifest(pathlib.Path(path), command) else place(path, name)


def check_file(path: pathlib.Path, sign: bytes) -> None:
  """Raises UserError if a file is there that may not be replaced: one without `sign`, or write-protected."""
  if path.exists() and not (path.is_file() and os.access(path, os.W_OK) and _holds(path, sign)):
    _refuse(path)


def check_files(folder: pathlib.Path, names: Iterable[str], command: str) -> None:
  """Raises UserError if one of these files is in the folder, and is not as `command` wrote it there, or it is no folder."""
  if os.path.lexists(folder) and not folder.is_dir():
    _refuse(folder)
  files = _read_manifest(folder, command)
  if not files and os.path.lexists(folder / _MANIFEST):
    _refuse(folder / _MANIFEST)
  for name in names:
    if os.path.lexists(folder / name) and _sha256(folder / name) not in files.get(name, ()):
      _refuse(folder / name)


def check_folder(path: pathlib.Path, command: str) -> None:
  """Raises UserError if there is something at `path` that is not, file by file, as `command` wrote it."""
  if os.path.lexists(path):
    if not _read_manifest(path, command):
      _refuse(path)
    check_files(path, _list_files(path), command)


@contextlib.contextmanager
def new_file(path: pathlib.Path, sign: bytes) -> Iterator[pathlib.Path]:
  """Yields a path to write to; the file then takes the place of `path` in one step, unless something was raised.

  Raises:
    UserError: see `check_file`.
  """
  path = path.resolve()  # a link stays a link
  check_file(path, sign)
  with _scratch(path.parent, path) as scratch:
    yield scratch / path.name
    check_file(path, sign)
    os.replace(scratch / path.name, path)


@contextlib.contextmanager
def new_files(folder: pathlib.Path, command: str) -> Iterator[pathlib.Path]:
  """Yields a folder to write to; its files then go into `folder`, beside what is there, unless something was raised.

  Raises:
    UserError: see `check_files`.
  """
  with _scratch(folder, folder) as scratch:
    yield scratch
    names = _list_files(scratch)
    check_files(folder, names, command)
    before, new = _read_manifest(folder, command), {name: [_sha256(scratch / name)] for name in names}
    both = {name: [*before.get(name, []), *new.get(name, [])] for name in {**before, **new}}
    _write_manifest(folder, command, both)  # for who is stopped with some files replaced, and some not
    for name in names:
      (folder / name).parent.mkdir(parents=True, exist_ok=True)
      os.replace(scratch / name, folder / name)
    _write_manifest(folder, command, {**before, **new})


@contextlib.contextmanager
def new_folder(path: pathlib.Path, command: str) -> Iterator[pathlib.Path]:
  """Yields a path for a folder, which then takes the place of `path`, unless something was raised.

  What was there is renamed first, comes back if that fails, and goes only when the new one is there.

  Raises:
    UserError: see `check_folder`.
  """
  path = path.resolve()
  check_folder(path, command)
  with _scratch(path.parent, path) as scratch:
    new, old = scratch / 'new', scratch / 'old'
    yield new
    _write_manifest(new, command, {name: [_sha256(new / name)] for name in _list_files(new)})
    check_folder(path, command)
    try:
      if path.exists():
        os.rename(path, old)
      os.rename(new, path)
    finally:
      if old.exists() and not path.exists():
        os.rename(old, path)


def write_whole(path: pathlib.Path, text: str) -> None:
  """Writes a file of a run, all or nothing: a full disk or a kill leaves it as it was.

  Raises:
    OSError: it cannot be written; names the file.
  """
  temporary = path.with_name(f'{path.name}.{os.urandom(4).hex()}.tmp')  # others may write the same file
  try:
    with errors.naming(path), open(temporary, 'w', encoding='utf-8') as stream:
      stream.write(text)
      stream.flush()
      os.fsync(stream.fileno())
    os.replace(temporary, path)
  except OSError:
    temporary.unlink(missing_ok=True)
    raise


@contextlib.contextmanager
def _scratch(folder, output) -> Iterator[pathlib.Path]:
  """Yields a folder in `folder`, and says of which output it was that something could not be written."""
  try:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix='.writing-') as name:
      yield pathlib.Path(name)
  except OSError as error:
    raise errors.UserError(f'--output={output} cannot be written: {error.strerror or error}') from error


def _list_files(folder):
  """Names everything in it that is no folder itself."""
  files = (path for path in folder.rglob('*') if path.is_symlink() or not path.is_dir())
  return sorted(name for file in files if (name := file.relative_to(folder).as_posix()) != _MANIFEST)


def _write_manifest(folder, command, files):
  """Writes what `_read_manifest` reads: hashes as lists, where there is one alone as text."""
  told = {name: hashes[0] if len(hashes) == 1 else hashes for name, hashes in files.items()}
  write_whole(folder / _MANIFEST, json.dumps({'written_by': command, 'files': told}, indent=1) + '\n')


def _read_manifest(folder, command):
  """Returns {name: hashes that it may have} of the files that `command` wrote there."""
  try:
    manifest = json.loads((folder / _MANIFEST).read_text())
    files = manifest['files'] if manifest['written_by'] == command else {}
    return {name: told if isinstance(told, list) else [told] for name, told in files.items()}
  except (OSError, ValueError, KeyError, TypeError, AttributeError):
    return {}


def _sha256(path):
  """Hashes a plain file; returns None for anything else."""
  return None if path.is_symlink() or not path.is_file() else hashlib.sha256(path.read_bytes()).hexdigest()


def _holds(path, sign):
  """Tells whether a file has these bytes, or none at all."""
  if not path.stat().st_size:
    return True
  with open(path, 'rb') as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
    return content.find(sign) >= 0


def _refuse(path):
  raise errors.UserError(
      f'{path} is there, and is not what this command wrote: it is left as it is. Take another --output, or move it away.')
