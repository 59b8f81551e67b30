"""What the demonstration page is served from; test_web_page.py has the page."""

import json
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
  latents = np.fromfile(tmp_path / 'latents.bin', '<f4').reshape(len(web.TRUNCATIONS), 12, 15)
  np.testing.assert_array_equal(latents[0], rng.latents(np.arange(12), 15))
  assert np.abs(latents[-1]).max() <= web.TRUNCATIONS[-1]
