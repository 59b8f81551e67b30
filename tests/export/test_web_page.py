"""The demonstration page in a real browser, headless."""

import numpy as np
import pytest

from tests import browser
from tests.export import sparse_generator
from tf_stugan import rng
from tf_stugan.export import exporter
from tf_stugan.export import web

pytestmark = browser.needs_browser

PIXELS = '''(() => { const c = document.getElementById('%s');
  return Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data); })()'''
DRAWN = "document.body.dataset.drawn || document.body.dataset.failed"


@pytest.fixture(scope='module', params=['unconditional', 'conditional'])
def generator(request):
  return sparse_generator.make(16, 0.1) if request.param == 'unconditional' else sparse_generator.make_conditional(0.1, 4)


@pytest.fixture(scope='module')
def address(generator, tmp_path_factory):
  folder = tmp_path_factory.mktemp('models')
  files = [exporter.export(generator, layout).model for layout in ('plain', 'sparse_lowered')]
  web.write_models(folder, generator, *files, seeds=20)
  roots = {'/': web.web_root(), '/models/': folder}
  with web.serving(roots) as address:
    yield address


def check(pixels, generator, seeds, labels=None):
  """Of the whole grid, three images a row, against Keras."""
  labels = rng.labels(seeds, generator.num_classes) if labels is None else labels
  images = generator(rng.latents(seeds, generator.latent_size), labels, training=False).numpy()
  size = images.shape[1]
  grid = images.reshape(3, 3, size, size, 3).transpose(0, 2, 1, 3, 4).reshape(3 * size, 3 * size, 3)
  painted = np.array(pixels, np.float64).reshape(3 * size, 3 * size, 4)[..., :3]
  assert painted.std() > 5
  assert np.abs(painted - (grid + 1) * 127.5).max() <= 2


@pytest.mark.parametrize('canvas', ['plain', 'sparse'])
def test_it_paints_what_keras_makes(address, generator, canvas):
  pixels, console = browser.evaluate(address, DRAWN, PIXELS % canvas)
  check(pixels, generator, np.arange(9))
  assert console == []


def test_sliders_change_the_picture(address, generator):
  move = '''(async () => {
    const before = document.body.dataset.drawn;
    const set = (id, value) => {
      const slider = document.getElementById(id);
      slider.value = value;
      slider.dispatchEvent(new Event('input'));
    };
    set('seed', 5); set('class', 1);
    while (document.body.dataset.drawn === before) await new Promise(r => setTimeout(r, 20));
    return [%s, document.getElementById('sparse-ms').textContent];
  })()''' % (PIXELS % 'sparse')
  (pixels, milliseconds), console = browser.evaluate(address, DRAWN, move)
  check(pixels, generator, np.arange(5, 14), np.full(9, 1) if generator.num_classes else None)
  assert float(milliseconds) > 0
  assert console == []


def test_a_missing_model_is_told_on_the_page():
  with web.serving({'/': web.web_root()}) as address:
    text, _ = browser.evaluate(address, DRAWN, "document.getElementById('message').textContent")
  assert 'models/demo.json is missing' in text and 'tf-stugan demo' in text
