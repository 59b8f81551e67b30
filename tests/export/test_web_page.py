"""The demonstration page in a real browser, headless."""

import re

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
  files = [exporter.export(sparse_generator.output(generator), layout).model for layout in ('plain', 'sparse_lowered')]
  web.write_models(folder, generator, *files, seeds=20, expectation='What to expect: 7 ms.')
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


def test_it_says_what_it_measured_compared_and_expects(address):
  texts, _ = browser.evaluate(address, DRAWN, '''[
      ...['ratio', 'expectation', 'plain-ms', 'sparse-ms', 'message'].map(id => document.getElementById(id).textContent)]''')
  ratio, expectation, *milliseconds, message = texts
  assert re.fullmatch(r"Measured here: .*; the images are the same .pixels in .-1, 1. differ by at most \de-\d+.\.", ratio)
  assert expectation == 'What to expect: 7 ms.' and message == ''
  assert all(float(value) > 0 for value in milliseconds)


def test_images_that_differ_are_not_called_the_same(tmp_path):
  generators = [sparse_generator.make(4, 1), sparse_generator.make(8, 1)]
  files = [exporter.export(sparse_generator.output(generator), encoded=False).model for generator in generators]
  web.write_models(tmp_path, generators[0], *files, seeds=20)
  with web.serving({'/': web.web_root(), '/models/': tmp_path}) as address:
    text, _ = browser.evaluate(address, DRAWN, "document.getElementById('ratio').textContent")
  assert 'the images are not the same: pixels in [-1, 1] differ by up to 0.' in text or 'by up to 1.' in text


def test_clocks_that_are_too_coarse_and_pixels_that_are_no_numbers_are_told_in_words(address):
  texts, _ = browser.evaluate(address, DRAWN, '''import('./demo.js').then(demo => [
      demo.compareTimes(0, 0), demo.compareTimes(0.1, 0), demo.compareTimes(undefined, 1), demo.compareTimes(3, 1.5),
      demo.compareTimes(1, 6.94), demo.compareImages(demo.difference([0, NaN, 0], [0, 0, 5])),
      demo.compareImages(demo.difference([1], [0.99995])), demo.compareImages(demo.difference([1, 0], [1, 0.25]))])''')
  coarse = "too quick for this browser's clock"
  assert texts == [
      coarse, coarse, coarse, 'sparse is 2.0 times as fast', 'sparse takes 6.9 times as long',
      'the images are not the same: some pixels are no numbers',
      'the images are the same (pixels in [-1, 1] differ by at most 5e-5)',
      'the images are not the same: pixels in [-1, 1] differ by up to 0.25']


def test_it_warms_up_before_it_measures(address):
  """No image is timed before thirty of each file (or three seconds of them) were made."""
  count, _ = browser.evaluate(address, DRAWN, '''(async () => {
    const [{start}, {Generator}] = await Promise.all([import('./demo.js'), import('./runtime.js')]);
    let images = 0, painted = null;
    const canvas = CanvasRenderingContext2D.prototype, [image, paint] = [Generator.prototype.image, canvas.putImageData];
    Generator.prototype.image = function(...args) { images++; return image.apply(this, args); };
    canvas.putImageData = function(...args) { painted ??= images; return paint.apply(this, args); };
    await start(document);
    return painted;
  })()''')
  assert count == 61  # and the first that is painted


def test_a_missing_model_is_told_on_the_page():
  with web.serving({'/': web.web_root()}) as address:
    text, _ = browser.evaluate(address, DRAWN, "document.getElementById('message').textContent")
  assert 'models/demo.json is missing' in text and 'tf-stugan demo' in text
