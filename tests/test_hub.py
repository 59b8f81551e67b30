"""Packed runs on the hub: the hub's own library, against a server on this machine that keeps repositories in memory."""

import base64
import http.server
import json
import re
import sys
import threading

import numpy as np
import pytest

from tests.test_cli import call
from tests.test_pack import make_run
import tf_stugan
from tf_stugan import errors
from tf_stugan.sharing import generator
from tf_stugan.sharing import hub
from tf_stugan.sharing import packed_files

constants = pytest.importorskip('huggingface_hub.constants')
COMMIT = '0123456789abcdef0123456789abcdef01234567'


class Hub(http.server.BaseHTTPRequestHandler):
  """What the library asks of the hub: creating, looking, committing, fetching."""

  repositories = {}
  private = set()

  def do_POST(self):
    asked = self.rfile.read(int(self.headers['Content-Length'])).decode()
    if self.path == '/api/repos/create':
      told = json.loads(asked)
      name = f'{told.get("organization") or "me"}/{told["name"]}'
      self.repositories[name] = {'.gitattributes': b''}
      self.private.update({name} if told.get('private') or told.get('visibility') == 'private' else ())
      self._answer({'url': f'https://huggingface.co/{name}'})
    elif self.path == '/api/validate-yaml':  # of a model card
      self._answer({'errors': [], 'warnings': []})
    elif '/preupload/' in self.path:
      self._answer({'files': [{'path': file['path'], 'uploadMode': 'regular', 'shouldIgnore': False}
                              for file in json.loads(asked)['files']]})
    else:
      files = self.repositories[re.match(r'/api/models/([^/]+/[^/]+)/commit/', self.path)[1]]
      for line in map(json.loads, asked.splitlines()):
        if line['key'] == 'file':
          files[line['value']['path']] = base64.b64decode(line['value']['content'])
      self._answer({'commitUrl': f'https://huggingface.co/me/x/commit/{COMMIT}', 'commitOid': COMMIT, 'success': True})

  def do_GET(self):
    path = self.path.partition('?')[0]
    if match := re.fullmatch(r'/api/models/([^/]+/[^/]+)(/.*)?', path):
      name = match[1]
      if name not in self.repositories:
        return self._refuse('RepoNotFound')
      files = [{'type': 'file', 'path': part, 'rfilename': part, 'size': 1, 'oid': 'x'} for part in self.repositories[name]]
      return self._answer(files if (match[2] or '').startswith('/tree') else {'id': name, 'sha': COMMIT, 'siblings': files})
    match = re.fullmatch(r'/([^/]+/[^/]+)/resolve/([^/]+)/(.+)', path)
    if not match or match[1] not in self.repositories:
      return self._refuse('RepoNotFound')
    if match[2] not in ('main', COMMIT):
      return self._refuse('RevisionNotFound')
    if match[3] not in self.repositories[match[1]]:
      return self._refuse('EntryNotFound')
    return self._send(200, self.repositories[match[1]][match[3]])

  do_HEAD = do_GET

  def _answer(self, value):
    self._send(200, json.dumps(value).encode(), 'application/json')

  def _refuse(self, code):
    self._send(404, b'', **{'X-Error-Code': code})

  def _send(self, code, content, kind='application/octet-stream', **headers):
    self.send_response(code)
    told = {'Content-Type': kind, 'Content-Length': len(content), 'X-Repo-Commit': COMMIT, 'ETag': f'"{hash(content)}"'}
    for name, value in {**told, **headers}.items():
      self.send_header(name, str(value))
    self.end_headers()
    if self.command != 'HEAD':
      self.wfile.write(content)

  def log_message(self, *args):
    pass


@pytest.fixture(autouse=True)
def server(monkeypatch, tmp_path):
  Hub.repositories, Hub.private = {}, set()
  with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Hub) as running:
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    address = f'http://127.0.0.1:{running.server_port}'
    monkeypatch.setattr(constants, 'ENDPOINT', address)
    monkeypatch.setattr(constants, 'HUGGINGFACE_CO_URL_TEMPLATE',
                        address + '/{repo_id}/resolve/{revision}/{filename}')
    monkeypatch.setattr(constants, 'HF_HUB_CACHE', str(tmp_path / 'cache'))
    monkeypatch.setenv('HF_TOKEN', 'hf_of_nobody')
    yield
    running.shutdown()
    thread.join()


@pytest.fixture(scope='module')
def run(tmp_path_factory):
  return make_run(tmp_path_factory.mktemp('run'), 'quickstart.gin', 'runs/tiny.gin', 'runs/noise.gin', 'metrics/none.gin')


def test_what_is_pushed_makes_the_same_images_elsewhere(run, capsys, tmp_path):
  code, out, err = call(capsys, 'pack', f'--workdir={run}', f'--output={tmp_path}/digits.stugan', '--push=me/digits')
  assert code == 0 and "load_generator('hf://me/digits')" in out, err
  assert Hub.private == {'me/digits'}
  parts = packed_files.read(tmp_path / 'digits.stugan')
  assert set(Hub.repositories['me/digits']) == {'.gitattributes', 'tf_stugan.json', *parts}
  expected = tf_stugan.load_generator(tmp_path / 'digits.stugan').sample([1, 2])
  Hub.repositories['me/digits'] |= {'evil.pkl': b'', 'README.md': b'edited on the page of the hub'}
  for address in ('hf://me/digits', f'hf://me/digits@{COMMIT}'):
    np.testing.assert_array_equal(tf_stugan.load_generator(address).sample([1, 2]), expected)
  fetched = {path.name for path in (tmp_path / 'cache').rglob('*.*') if path.is_symlink()}
  assert fetched == {*generator._PARTS, 'tf_stugan.json'}
  assert call(capsys, 'pack', f'--workdir={run}', f'--output={tmp_path}/digits.stugan', '--push=me/digits')[0] == 0


def test_what_is_damaged_or_leads_elsewhere_is_refused():
  files = packed_files.with_manifest({'card.json': b'{}'})
  Hub.repositories['me/damaged'] = {**files, 'card.json': b'{ }'}
  with pytest.raises(errors.DataError, match=r'hf://me/damaged is damaged: card\.json'):
    hub.read('hf://me/damaged', ['card.json'])
  Hub.repositories['me/forged'] = packed_files.with_manifest({'../outside': b''})
  with pytest.raises(errors.DataError, match='leads elsewhere'):
    hub.read('hf://me/forged', ['../outside'])


@pytest.mark.parametrize('address, message', [
    ('hf://me/none', 'is not on the hub, or not for the account'),
    ('hf://me/other@no_such', 'is not on the hub'),
    ('hf://me/other', 'is no packed run'),
    ('hf://other', 'it is OWNER/NAME'),
    ('hf://me/../x', 'it is OWNER/NAME'),
    ('hf://me/..', 'the hub says')])
def test_a_wrong_name_is_one_line(address, message):
  Hub.repositories['me/other'] = {'model.bin': b''}
  with pytest.raises(errors.UserError, match=message) as caught:
    tf_stugan.load_generator(address)
  assert '\n' not in str(caught.value)


@pytest.mark.slow
def test_the_repository_of_something_else_stays(run, capsys, tmp_path):
  Hub.repositories['me/other'] = {'model.bin': b'theirs', '.gitattributes': b''}
  code, _, err = call(capsys, 'pack', f'--workdir={run}', f'--output={tmp_path}/x.stugan', '--push=me/other')
  assert code == 2 and 'did not write: it is left as it is' in err and err.count('\n') == 1
  assert Hub.repositories['me/other'] == {'model.bin': b'theirs', '.gitattributes': b''}


def test_without_the_library_it_is_one_line_and_nothing_is_packed(run, capsys, monkeypatch, tmp_path):
  monkeypatch.setitem(sys.modules, 'huggingface_hub', None)
  code, _, err = call(capsys, 'pack', f'--workdir={run}', f'--output={tmp_path}/x.stugan', '--push=me/x')
  assert code == 2 and "pip install 'tf_stugan[hub]'" in err and err.count('\n') == 1
  assert not (tmp_path / 'x.stugan').exists()
  with pytest.raises(errors.UserError, match='hub'):
    tf_stugan.load_generator('hf://me/x')


def test_a_hub_that_cannot_be_reached_is_one_line(monkeypatch):
  monkeypatch.setattr(constants, 'ENDPOINT', 'http://127.0.0.1:9')
  with pytest.raises(errors.UserError, match='the hub says') as caught:
    hub.push('me/digits', {}, 'x')
  assert '\n' not in str(caught.value)
  monkeypatch.setattr(constants, 'HF_HUB_OFFLINE', True)  # or the library would try again for half a minute
  with pytest.raises(errors.UserError, match='cannot be reached') as caught:
    hub.read('hf://me/digits', ['card.json'])
  assert '\n' not in str(caught.value)
