"""A packed run on disk: one file, or a folder. It is data alone, and each part has its SHA-256 in a manifest.

The file is a ZIP archive without compression, and its comment the SHA-256 of all bytes before that. Nothing is ever written
to where a name in it leads, and what the manifest does not name is not read.
"""

from collections.abc import Callable, Collection, Mapping
import contextlib
import hashlib
import io
import json
import pathlib
import re
import zipfile

from tf_stugan import errors

COMMAND = 'tf-stugan pack'  # as manifests call it
SIGN = f'"written_by": "{COMMAND}"'.encode()  # in every such file
SUFFIX = '.stugan'
MANIFEST = 'tf_stugan.json'  # of the form that `output_files` gives to all folders
_NAME = re.compile(r'[A-Za-z0-9_][A-Za-z0-9_.-]*')
_HEX = 64  # digits of a SHA-256


def write(path: pathlib.Path, files: Mapping[str, bytes]) -> None:
  """Writes one file; the same parts give the same bytes."""
  with zipfile.ZipFile(path, 'w') as archive:
    for name, content in with_manifest(files).items():
      archive.writestr(zipfile.ZipInfo(name), content)
    archive.comment = bytes(_HEX)
  with open(path, 'r+b') as file:
    digest = _sha256(file.read()[:-_HEX])
    file.seek(-_HEX, io.SEEK_END)
    file.write(digest.encode())


def with_manifest(files: Mapping[str, bytes]) -> dict[str, bytes]:
  """Returns the parts, and first of them the manifest that names them."""
  manifest = {'written_by': COMMAND, 'files': {name: _sha256(content) for name, content in files.items()}}
  return {MANIFEST: json.dumps(manifest, indent=1).encode(), **files}


def read(path: pathlib.Path) -> dict[str, bytes]:
  """Returns the parts of a file or a folder by name.

  Raises:
    DataError: it is not there, is damaged, or has a part whose name leads elsewhere.
  """
  try:
    with _one_line(path):
      return _read_folder(path) if path.is_dir() else _read_file(path)
  except FileNotFoundError as error:
    raise errors.DataError(f'{error.filename} is not there: {path} is no packed run, or not all of one.') from error


def read_parts(content_of: Callable[[str], bytes], source: str, wanted: Collection[str]) -> dict[str, bytes]:
  """Returns those of the wanted parts that the manifest names, by name; no others are read.

  Args:
    content_of: reads a part, by its name.
    source: what messages call the whole.
    wanted: names of parts.

  Raises:
    DataError: a part is damaged, or has a name that leads elsewhere.
  """
  with _one_line(source):
    return _verified(content_of(MANIFEST), content_of, source, wanted)


@contextlib.contextmanager
def _one_line(path):
  """Says what is no packed run."""
  try:
    yield
  except (zipfile.BadZipFile, ValueError, KeyError, TypeError, AttributeError) as error:
    raise errors.DataError(f'{path} is no packed run: {str(error) or type(error).__name__}.') from error


def _read_file(path):
  content = path.read_bytes()
  if _sha256(content[:-_HEX]).encode() != content[-_HEX:]:
    raise errors.DataError(f'{path} is damaged, or no file of `{COMMAND}`: its checksum is wrong.')
  files = {}
  with zipfile.ZipFile(io.BytesIO(content)) as archive:
    for part in archive.infolist():
      _check_name(part.filename, path)
      if part.compress_type != zipfile.ZIP_STORED or part.filename in files:
        raise errors.DataError(f'{path} is no packed run: {part.filename} is compressed, or there twice.')
      files[part.filename] = archive.read(part)
  return _verified(files.pop(MANIFEST), files.__getitem__, path)


def _read_folder(path):
  def content_of(name):
    if (path / name).is_symlink():
      raise errors.DataError(f'{path / name} is a link, which may lead anywhere; a packed run has none.')
    return (path / name).read_bytes()
  return _verified(content_of(MANIFEST), content_of, path)


def _verified(manifest, content_of, path, wanted=None):
  """Returns the parts that a manifest names, or those of them that are wanted."""
  files = {}
  for name, digest in json.loads(manifest)['files'].items():
    _check_name(name, path)
    if wanted is not None and name not in wanted:
      continue
    files[name] = content_of(name)
    if _sha256(files[name]) != digest:
      raise errors.DataError(f'{path} is damaged: {name} does not have the SHA-256 of its manifest.')
  return files


def _check_name(name, path):
  if not _NAME.fullmatch(name):
    raise errors.DataError(f'{path} has a part called {name!r}, which leads elsewhere: it is not read.')


def _sha256(content):
  return hashlib.sha256(content).hexdigest()
