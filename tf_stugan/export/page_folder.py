"""The demonstration page as a folder that any static host can serve."""

import pathlib
import shutil

from tf_stugan.export import web

_FOR_TESTS = 'drive.js'
_RUNTIME = ('dist/index.js', 'wasm/*.js', 'wasm/*.wasm', 'package.json')
_FOR_WEBNN = 'jspi'  # in names of files; a fourth of the bytes, and the page asks for WebAssembly alone

_HEADERS = """/*
  Cross-Origin-Opener-Policy: same-origin
  Cross-Origin-Embedder-Policy: require-corp
"""

_READ_ME = """This folder is a page that runs a generator in the visitor's own browser. Upload it as it is, to any host
of files, at any path. It has to be served over https, or from localhost, and .js as text/javascript; a page that is opened
from a disk cannot load its files.

Begin with: {start}

Two headers let the page use several threads (with ?threads behind its address), and give it an exact clock:

  Cross-Origin-Opener-Policy: same-origin
  Cross-Origin-Embedder-Policy: require-corp

The file _headers asks for them where a host reads it (Netlify, Cloudflare Pages). nginx: two lines add_header NAME VALUE
always; Apache: two lines Header set NAME VALUE. Without them (GitHub Pages cannot send them) the page works on one thread,
and its clock is coarse: the images are the same, milliseconds and frames per second are rounder.
"""


def copy_page(folder: pathlib.Path, runtime: pathlib.Path, start: str = '') -> None:
  """Puts beside `folder/models` all that the page needs: itself, browser runtime, headers, a text about them.

  Args:
    folder: exists, and has been given `models`.
    runtime: as `web.find_runtime` gives it.
    start: file of the page that is to be opened; 'index.html' if empty.
  """
  for pattern in ('*.html', '*.css', '*.js'):
    for file in web.web_root().glob(pattern):
      if file.name != _FOR_TESTS:
        shutil.copyfile(file, folder / file.name)
  for package in ('core', 'wasm-utils'):
    _copy_package(runtime / '@litertjs' / package, folder / 'runtime' / '@litertjs' / package)
  (folder / '_headers').write_text(_HEADERS)
  (folder / 'README.txt').write_text(_READ_ME.format(start=start or 'index.html'))


def _copy_package(source, target):
  for file in (file for pattern in _RUNTIME for file in source.glob(pattern) if _FOR_WEBNN not in file.name):
    place = target / file.relative_to(source)
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, place)
