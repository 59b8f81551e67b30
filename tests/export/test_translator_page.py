"""The page that translates the visitor's own picture, in a real browser, headless."""

import base64
import io

import numpy as np
import PIL.Image
import pytest

from tests import browser
from tests.export import sparse_generator
from tf_stugan.export import exporter
from tf_stugan.export import web
from tf_stugan.gans import outputs
from tf_stugan.layers.style import LayerStyle
from tf_stugan.models import cyclegan

pytestmark = browser.needs_browser

READY = 'document.body.dataset.ready || document.body.dataset.failed'
# Gives the page a file as a visitor does, and waits for its translation or for what is wrong with it.
CHOOSE = '''(async () => {
  const bytes = Uint8Array.from(atob('%s'), c => c.charCodeAt(0));
  const files = new DataTransfer();
  files.items.add(new File([bytes], 'mine.png'));
  document.getElementById('file').files = files.files;
  document.getElementById('file').dispatchEvent(new Event('change'));
  const text = id => document.getElementById(id).textContent;
  while (!document.body.dataset.drawn && !text('message').startsWith('This')) await new Promise(r => setTimeout(r, 20));
  const pixels = id => { const c = document.getElementById(id);
    return Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data); };
  return {message: text('message'), ms: text('ms'), size: text('size'), before: pixels('before'), after: pixels('after')};
})()'''


@pytest.fixture(scope='module', params=[3, 1])
def translator(request):
  channels = request.param
  network = cyclegan.Translator(4, LayerStyle(), 2, image_channels=channels)
  network(np.zeros([1, 32, 24, channels], np.float32))
  sparse_generator.mask(network, 0.3)
  return outputs.FromImages('a_to_b', network, None, 'b', 'a', (32, 24, channels), back='b_to_a')


@pytest.fixture
def address(translator, tmp_path):
  web.write_translator(tmp_path, translator, exporter.export(translator).model)
  with web.serving(browser.roots(tmp_path)) as address:
    yield address + 'translate.html'


def choose(address, content, screenshot=''):
  return browser.evaluate(address, READY, CHOOSE % base64.b64encode(content).decode(), screenshot)


def png(pixels):
  stream = io.BytesIO()
  PIL.Image.fromarray(pixels).save(stream, 'png')
  return stream.getvalue()


def rgb(values):
  return np.array(values, np.float64).reshape(32, 24, 4)[..., :3]


def test_a_picture_is_translated_as_keras_does(address, translator):
  picture = np.random.default_rng(1).integers(0, 256, [32, 24, 3], np.uint8)
  shown, console = choose(address, png(picture))
  channels = translator.signature(1)[0].shape[-1]
  np.testing.assert_array_equal(rgb(shown['before']), picture)
  taken = picture if channels == 3 else picture @ [[0.299], [0.587], [0.114]]
  expected = translator.make([(taken[None] / 127.5 - 1).astype(np.float32)])[0]
  assert expected.std() > 0.05
  np.testing.assert_allclose(rgb(shown['after']), np.broadcast_to((expected + 1) * 127.5, [32, 24, 3]), atol=1.5)
  assert (shown['message'], shown['size'], console) == ('', '24 x 32', []) and float(shown['ms']) > 0


def test_the_middle_of_a_wide_picture_is_taken_and_what_is_transparent_is_white(address):
  picture = np.zeros([32, 124, 4], np.uint8)
  picture[:, 50:74] = (10, 200, 90, 255)
  picture[:16, 50:74, 3] = 0
  before = rgb(choose(address, png(picture))[0]['before'])
  assert (before[:16] == 255).all() and (before[16:] == (10, 200, 90)).all()


def test_what_is_no_picture_is_said_and_the_page_goes_on(address):
  shown, _ = choose(address, b'not a picture')
  assert shown['message'] == 'This does not work: mine.png is no picture that this browser can read'
