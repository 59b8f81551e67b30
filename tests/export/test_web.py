"""What the demonstration page is served from; test_web_page.py has the page."""

import json
import re
import socket
import struct
import time
import urllib.error
import urllib.request

import numpy as np
import pytest

from tests.export import sparse_generator
from tf_stugan import errors
from tf_stugan import rng
from tf_stugan.export import page_folder
from tf_stugan.export import web


def get(url):
  with urllib.request.urlopen(url) as answer:
    return answer.read(), answer.headers


def test_a_browser_that_goes_away_leaves_no_traceback(tmp_path, capsys):
  (tmp_path / 'large').write_bytes(bytes(2**24))
  with web.serving({'/': tmp_path}) as address:
    for _ in range(3):
      with socket.create_connection(('127.0.0.1', int(address.rstrip('/').rpartition(':')[2]))) as connection:
        connection.sendall(b'GET /large HTTP/1.0\r\n\r\n')
        connection.recv(1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))  # closed by a reset
    time.sleep(0.3)
  assert 'Traceback' not in capsys.readouterr().err


def test_the_server_keeps_folders_apart_and_isolates_the_page(tmp_path):
  (tmp_path / 'a').mkdir()
  (tmp_path / 'b').mkdir()
  (tmp_path / 'a' / 'page.js').write_text('a')
  (tmp_path / 'b' / 'x.bin').write_bytes(b'b')
  with web.serving({'/': tmp_path / 'a', '/models/': tmp_path / 'b'}) as address:
    content, headers = get(address + 'page.js')
    assert content == b'a' and headers['Content-Type'] == 'text/javascript'
    assert headers['Cross-Origin-Embedder-Policy'] == 'require-corp'
    assert get(address + 'models/x.bin')[0] == b'b'
    for path in ('models/', 'x.bin', '%2e%2e/b/x.bin', 'models/%2e%2e/%2e%2e/a/page.js'):
      with pytest.raises(urllib.error.HTTPError):
        get(address + path)


def test_a_missing_runtime_is_told_with_the_command_that_gets_it(tmp_path):
  for folder in (str(tmp_path), '/', '/node_modules'):
    with pytest.raises(errors.UserError, match=r'npm install --prefix=\$HOME/litert .*--runtime=\$HOME/litert/node_modules'):
      web.find_runtime(folder)


def test_the_server_answers_at_the_address_that_was_named(tmp_path):
  for host in ('127.0.0.1', '0.0.0.0', '127.0.0.2'):
    with web.make_server({'/': tmp_path}, host=host) as server:
      assert (server.server_address[0], web.address(server).endswith(f':{server.server_port}/')) == (host, True)
      assert (host in web.address(server)) == (host != '0.0.0.0')  # nobody can open that one
  with pytest.raises(errors.UserError, match='--host=192.0.2.1 --port=0 cannot be used'):
    web.make_server({'/': tmp_path}, host='192.0.2.1')


def test_the_models_are_described(tmp_path):
  generator = sparse_generator.make_conditional()
  web.write_models(tmp_path, generator, b'1', b'2', 12, 'What to expect: nothing.')
  about = json.loads((tmp_path / 'demo.json').read_text())
  assert (about['seeds'], about['num_classes'], about['image_shape']) == (12, 5, [16, 16, 3])
  assert about['expectation'] == 'What to expect: nothing.'
  assert about['bytes'] == {'plain.tflite': 1, 'sparse.tflite': 1}
  latents = np.fromfile(tmp_path / 'latents.bin', '<f4').reshape(len(web.TRUNCATIONS), 12, 15)
  np.testing.assert_array_equal(latents[0], rng.latents(np.arange(12), 15))
  assert np.abs(latents[-1]).max() <= web.TRUNCATIONS[-1]


def test_the_masks_are_those_of_the_network(tmp_path):
  """Of a network of which one layer is too large to be drawn whole."""
  generator = sparse_generator.make(40, 0.1)
  web.write_models(tmp_path, generator, b'1', b'2', 12)
  masks, position = np.fromfile(tmp_path / 'masks.bin', np.uint8), 0
  kernels = {variable.name: variable.numpy() for variable in generator.trainable_variables if variable.shape.rank == 4}
  for layer in json.loads((tmp_path / 'demo.json').read_text())['layers']:
    kernel, = [value for name, value in kernels.items() if f'{layer["name"]}/' in name]
    assert (layer['shape'], layer['kept']) == (list(kernel.shape), np.count_nonzero(kernel))
    size = np.prod(layer['shown'])
    np.testing.assert_array_equal(
        masks[position:position + size].reshape(layer['shown']), kernel[:, :, :layer['shown'][2], :layer['shown'][3]] != 0)
    position += size
  assert position == len(masks) and max(layer['shown'][2], layer['shown'][3]) <= 32
  assert len(kernels) == len(json.loads((tmp_path / 'demo.json').read_text())['layers'])


def test_a_folder_has_all_the_page_asks_for_and_nothing_of_the_tests(tmp_path):
  runtime, page = tmp_path / 'runtime', tmp_path / 'page'
  for name in ('core/dist/index.js', 'core/wasm/a.wasm', 'core/wasm/a_jspi.wasm', 'wasm-utils/dist/index.js'):
    (runtime / '@litertjs' / name).parent.mkdir(parents=True, exist_ok=True)
    (runtime / '@litertjs' / name).write_text('x')
  page.mkdir()
  page_folder.copy_page(page, runtime, 'translate.html')
  written = {path.relative_to(page).as_posix() for path in page.rglob('*') if path.is_file()}
  source = '\n'.join((page / name).read_text() for name in written if name.endswith(('.html', '.js')))
  asked = set(re.findall(r'(?:from |import\(|href=|: )["\'](?:\./)?([\w@/.-]+\.(?:js|css))["\']', source))
  assert {'style.css', 'demo.css', 'demo.js', 'race.js', 'runtime/@litertjs/core/dist/index.js'} <= asked <= written
  assert 'drive.js' not in written and not any('jspi' in name for name in written)
  assert 'Cross-Origin-Embedder-Policy: require-corp' in (page / '_headers').read_text()
  assert 'Begin with: translate.html' in (page / 'README.txt').read_text()
