"""The demonstration pages: what they show, and a server for them on this machine only."""

from collections.abc import Mapping, Sequence
import contextlib
import functools
import http.server
import json
import pathlib
import socket
import sys
import threading

import numpy as np

from tf_stugan import errors
from tf_stugan import rng
from tf_stugan import shipped
from tf_stugan.compat import keras
from tf_stugan.export import page_masks
from tf_stugan.gans.outputs import Output

TRUNCATIONS = (None, 1.5, 1.0, 0.5)


def web_root() -> pathlib.Path:
  """Returns the folder `web`."""
  return shipped.folder('web')


def find_runtime(folder: str | None) -> pathlib.Path:
  """Returns the node_modules that holds LiteRT for browsers.

  Raises:
    UserError: it is not there; the message tells how to get it.
  """
  runtime = pathlib.Path(folder) if folder else web_root() / 'node_modules'
  if not (runtime / '@litertjs' / 'core').is_dir():
    raise errors.UserError(
        f'{runtime} does not hold the browser runtime: get it with "npm install --prefix=$HOME/litert '
        '@litertjs/core@2.5.3 @litertjs/wasm-utils@2.5.3", and name it: --runtime=$HOME/litert/node_modules.')
  return runtime


def write_models(folder: pathlib.Path, generator: keras.Model, plain: bytes, sparse: bytes, seeds: int,
                 expectation: str = '') -> None:
  """Writes what the page loads: two files of one generator, latents of seeds 0 .. seeds - 1, masks, and a description.

  The `expectation` is shown below the measured times.
  """
  (folder / 'plain.tflite').write_bytes(plain)
  (folder / 'sparse.tflite').write_bytes(sparse)
  everyone = np.arange(seeds)
  latents = np.stack([rng.latents(everyone, generator.latent_size, truncation) for truncation in TRUNCATIONS])
  (folder / 'latents.bin').write_bytes(latents.astype('<f4').tobytes())
  layers, masks = page_masks.describe(generator)
  (folder / 'masks.bin').write_bytes(masks)
  image = generator(latents[0, :1], np.zeros(1, np.int32), training=False)
  about = {'latent_size': generator.latent_size, 'num_classes': generator.num_classes, 'seeds': seeds,
           'image_shape': list(image.shape[1:]), 'truncations': TRUNCATIONS, 'expectation': expectation,
           'labels': rng.labels(everyone, generator.num_classes).tolist(), 'layers': layers,
           'bytes': {'plain.tflite': len(plain), 'sparse.tflite': len(sparse)}}
  (folder / 'demo.json').write_text(json.dumps(about))


def write_translator(folder: pathlib.Path, translator: Output, model: bytes) -> None:
  """Writes what the page that translates pictures loads: the file of a translator, and a description."""
  (folder / 'translator.tflite').write_bytes(model)
  images, = translator.signature(1)
  about = {'source': translator.source, 'domain': translator.domain, 'image_shape': images.shape[1:].as_list(),
           'bytes': {'translator.tflite': len(model)}}
  (folder / 'translator.json').write_text(json.dumps(about))


class _Handler(http.server.SimpleHTTPRequestHandler):
  """Several folders under one root, isolated from other origins, as WebAssembly's exact clocks need it."""

  extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map, '.js': 'text/javascript',
                    '.wasm': 'application/wasm'}

  def __init__(self, *args, roots: Sequence[tuple[str, pathlib.Path]]):
    self.roots = roots
    super().__init__(*args)

  def translate_path(self, path):
    for prefix, folder in self.roots:
      if path.startswith(prefix):
        self.directory = str(folder)
        return super().translate_path(path[len(prefix) - 1:])
    return ''

  def list_directory(self, path):
    del path
    self.send_error(404)

  def end_headers(self):
    self.send_header('Cross-Origin-Opener-Policy', 'same-origin')
    self.send_header('Cross-Origin-Embedder-Policy', 'require-corp')
    self.send_header('Cache-Control', 'no-store')
    super().end_headers()

  def log_message(self, *args):
    """Writes nothing: a browser's requests are of no interest here."""


class _Server(http.server.ThreadingHTTPServer):

  def handle_error(self, request, client_address):
    """Writes nothing where a browser goes away in the middle of an answer, as it does at every reload."""
    if not isinstance(sys.exc_info()[1], ConnectionError):
      super().handle_error(request, client_address)


def make_server(roots: Mapping[str, pathlib.Path], port: int = 0,
                host: str = '127.0.0.1') -> http.server.ThreadingHTTPServer:
  """Makes a server, on this machine only if `host` is left as it is.

  Args:
    roots: folders by the beginning of the address, such as '/models/'; '/' for all others.
    port: 0 takes a free one.
    host: name or address of this machine at which it answers; '0.0.0.0' for all of them.

  Raises:
    UserError: the port is taken, or the host is not this machine.
  """
  longest_first = sorted(roots.items(), key=lambda item: -len(item[0]))
  try:
    return _Server((host, port), functools.partial(_Handler, roots=longest_first))
  except OSError as error:
    raise errors.UserError(f'--host={host} --port={port} cannot be used: {error.strerror}') from error


def address(server: http.server.ThreadingHTTPServer) -> str:
  """Returns where a server is."""
  host, port = server.server_address
  return f'http://{socket.gethostname() if host == "0.0.0.0" else host}:{port}/'


@contextlib.contextmanager
def serving(roots: Mapping[str, pathlib.Path]):
  """Serves in a thread of its own while the block runs; yields the address."""
  with make_server(roots) as server:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
      yield address(server)
    finally:
      server.shutdown()
      thread.join()
