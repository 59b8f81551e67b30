"""The demonstration page in a real browser, headless."""

import functools
import http.server
import json
import re
import threading

import numpy as np
import pytest

from tests import browser
from tests import processes
from tests.export import sparse_generator
from tf_stugan import rng
from tf_stugan.export import exporter
from tf_stugan.export import page_folder
from tf_stugan.export import web

pytestmark = browser.needs_browser

CANVAS = '''(() => { const c = document.getElementById('%s');
  return [c.width, c.height, ...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]; })()'''
DRAWN = 'document.body.dataset.drawn || document.body.dataset.failed'
MESSAGE = "document.getElementById('message').textContent"
RACE = '''const sleep = () => new Promise(resolve => setTimeout(resolve, 20));
  document.getElementById('race').click();
  while (!document.body.dataset.raced && !document.body.dataset.failed) await sleep();
  document.getElementById('race').click();
  while (document.getElementById('race').textContent !== 'Race') await sleep();'''
TEXTS = '''['ratio', 'expectation', 'plain-ms', 'sparse-ms', 'plain-fps', 'sparse-fps', 'message'].map(
    id => document.getElementById(id).textContent)'''


@pytest.fixture(scope='module', params=['unconditional', 'conditional'])
def generator(request):
  return sparse_generator.make(16, 0.1) if request.param == 'unconditional' else sparse_generator.make_conditional(0.1, 4)


@pytest.fixture(scope='module')
def models(generator, tmp_path_factory):
  folder = tmp_path_factory.mktemp('models')
  files = [exporter.export(sparse_generator.output(generator), layout).model for layout in ('plain', 'sparse_lowered')]
  web.write_models(folder, generator, *files, seeds=40, expectation='What to expect: 7 ms.')
  return folder


@pytest.fixture(scope='module')
def address(models):
  with web.serving(browser.roots(models)) as address:
    yield address


def check(canvas, generator, seeds, labels=None):
  """Of the whole grid against Keras, beginning with some seed, or with latents for all places."""
  width, height, *pixels = canvas
  size = generator(rng.latents([0], generator.latent_size), np.zeros(1, np.int32)).shape[1]
  columns, rows = width // size, height // size
  assert columns * rows >= 12
  latents = seeds
  if isinstance(seeds, int):
    latents = rng.latents(np.arange(seeds, seeds + columns * rows), generator.latent_size)
    labels = rng.labels(np.arange(seeds, seeds + columns * rows), generator.num_classes) if labels is None else labels
  images = generator(latents, np.broadcast_to(labels, len(latents)), training=False).numpy()
  grid = images.reshape(rows, columns, size, size, 3).transpose(0, 2, 1, 3, 4).reshape(height, width, 3)
  painted = np.array(pixels, np.float64).reshape(height, width, 4)[..., :3]
  assert painted.std() > 5
  assert np.abs(painted - (grid + 1) * 127.5).max() <= 2


def test_it_paints_what_keras_makes_and_loads_the_dense_file_later(address, generator):
  (canvas, fetched), console = browser.evaluate(
      address, DRAWN, f"[{CANVAS % 'grid'}, performance.getEntriesByType('resource').map(r => r.name)]")
  check(canvas, generator, 0)
  assert console == []
  assert any('sparse.tflite' in name for name in fetched) and not any('plain.tflite' in name for name in fetched)


def test_sliders_and_keys_change_the_picture(address, generator):
  (moved, pressed), console = browser.evaluate(address, DRAWN, '''(async () => {
    const drawn = async act => {
      const before = document.body.dataset.drawn;
      act();
      while (document.body.dataset.drawn === before) await new Promise(r => setTimeout(r, 20));
      return %s;
    };
    const set = (id, value) => {
      const slider = document.getElementById(id);
      slider.value = value;
      slider.dispatchEvent(new Event('input'));
    };
    const moved = await drawn(() => { set('seed', 5); set('class', 1); set('other', 9); });
    return [moved, await drawn(() => document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'n', bubbles: true})))];
  })()''' % (CANVAS % 'grid'))
  label = 1 if generator.num_classes else None
  check(moved, generator, 5, label)
  check(pressed, generator, 9, label)
  assert console == []


def test_morphing_goes_from_seed_to_seed_on_a_great_circle(address):
  (first, middle, last, ends), console = browser.evaluate(address, DRAWN, '''(async () => {
    const {slerp} = await import('./latents.js');
    const way = t => Array.from(slerp(Float32Array.of(2, 0, 0), Float32Array.of(0, 2, 0), t));
    const play = document.getElementById('play'), fraction = document.getElementById('fraction');
    play.click();
    for (let i = 0; i < 500 && !(Number(fraction.value) > 0.02); i++) await new Promise(r => setTimeout(r, 20));
    const moved = [Number(fraction.value) > 0.02, play.getAttribute('aria-pressed')];
    play.click();
    return [way(0), way(0.5), way(1), [...moved, play.getAttribute('aria-pressed')]];
  })()''')
  np.testing.assert_allclose([first, middle, last], [[2, 0, 0], [2**0.5, 2**0.5, 0], [0, 2, 0]], atol=1e-6)
  assert (ends, console) == ([True, 'true', 'false'], [])


def test_a_race_says_what_it_measured_compared_and_expects(address):
  texts, console = browser.evaluate(address, DRAWN, f'(async () => {{ {RACE} return {TEXTS}; }})()')
  ratio, expectation, *numbers, message = texts
  assert re.fullmatch(r"Measured here: .*; the images are the same .pixels in .-1, 1. differ by at most \de-\d+.\.", ratio)
  assert (expectation, message, console) == ('What to expect: 7 ms.', '', [])
  assert all(float(value) > 0 for value in numbers)


def test_images_that_differ_are_not_called_the_same(tmp_path):
  generators = [sparse_generator.make(4, 1), sparse_generator.make(8, 1)]
  files = [exporter.export(sparse_generator.output(generator), encoded=False).model for generator in generators]
  web.write_models(tmp_path, generators[0], *files, seeds=20)
  with web.serving(browser.roots(tmp_path)) as address:
    (text, *_), _ = browser.evaluate(address, DRAWN, f'(async () => {{ {RACE} return {TEXTS}; }})()')
  assert 'the images are not the same: pixels in [-1, 1] differ by up to 0.' in text or 'by up to 1.' in text


def test_clocks_that_are_too_coarse_and_pixels_that_are_no_numbers_are_told_in_words(address):
  texts, _ = browser.evaluate(address, DRAWN, '''import('./race.js').then(race => [
      race.compareTimes(0, 0), race.compareTimes(0.1, 0), race.compareTimes(undefined, 1), race.compareTimes(3, 1.5),
      race.compareTimes(1, 6.94), race.compareImages(race.difference([0, NaN, 0], [0, 0, 5])),
      race.compareImages(race.difference([1], [0.99995])), race.compareImages(race.difference([1, 0], [1, 0.25])),
      race.middle([9, 2, 1, 3, 4, 0, 90, 5])])''')
  coarse = "too quick for this browser's clock"
  assert texts == [
      coarse, coarse, coarse, 'sparse is 2.0 times as fast', 'sparse takes 6.9 times as long',
      'the images are not the same: some pixels are no numbers',
      'the images are the same (pixels in [-1, 1] differ by at most 5e-5)',
      'the images are not the same: pixels in [-1, 1] differ by up to 0.25', 3.5]


def test_it_warms_up_before_it_measures(address):
  """No image is timed before thirty of each file (or three seconds of them) were made, and nine were compared."""
  count, _ = browser.evaluate(address, DRAWN, '''(async () => {
    const {Generator} = await import('./runtime.js');
    let images = 0, painted = null;
    const canvas = CanvasRenderingContext2D.prototype, [image, paint] = [Generator.prototype.image, canvas.putImageData];
    Generator.prototype.image = function(...args) { images++; return image.apply(this, args); };
    canvas.putImageData = function(...args) { painted ??= images; return paint.apply(this, args); };
    RACE
    return painted;
  })()'''.replace('RACE', RACE))
  assert count == 2 * (30 + 9) + 1  # the last one is the first that is painted


def test_the_drawing_has_the_masks(address, generator):
  (name, dots), _ = browser.evaluate(address, DRAWN, '''(async () => {
    document.getElementById('masks').scrollIntoView();
    while (!document.body.dataset.masks) await new Promise(r => setTimeout(r, 20));
    const canvas = document.getElementById('mask'), [, , ...data] = %s;
    const dots = [];
    for (let y = 5; y < canvas.height; y += 5 * 3 + 3) for (let row = 0; row < 3; row++)
      for (let x = 5; x < canvas.width; x += 5 * 3 + 3) for (let column = 0; column < 3; column++) {
        const at = 4 * ((y + 5 * row) * canvas.width + x + 5 * column);
        dots.push(data[at] < 128 ? 1 : 0);
      }
    return [document.body.dataset.masks, dots];
  })()''' % (CANVAS % 'mask'))
  kernel, = [v.numpy() for v in generator.trainable_variables if f'{name}/' in v.name and v.shape.rank == 4]
  assert 0 < np.count_nonzero(kernel) < kernel.size
  np.testing.assert_array_equal(
      np.array(dots).reshape(kernel.shape[3], 3, kernel.shape[2], 3), (kernel != 0).transpose(3, 0, 2, 1))


@pytest.mark.parametrize('viewport', ['390x844', '1280x800'])
def test_nothing_moves_everything_has_a_name_and_fits(address, viewport):
  """Layout shifts are those that the browser itself counts, from the first paint to the end of a race."""
  (shift, nameless, overflow, stage), _ = browser.evaluate(address, DRAWN, '''(async () => {
    let shift = 0;
    const add = list => list.forEach(entry => { shift += entry.value; });
    const observer = new PerformanceObserver(list => add(list.getEntries()));
    observer.observe({type: 'layout-shift', buffered: true});
    RACE
    document.getElementById('masks').scrollIntoView();
    while (!document.body.dataset.masks) await sleep();
    await sleep();
    add(observer.takeRecords());
    const named = e => e.labels?.length || e.getAttribute('aria-label') || (e.tagName === 'BUTTON' && e.textContent.trim());
    const nameless = [...document.querySelectorAll('input, select, button, canvas')].filter(e => !named(e)).map(e => e.id);
    const {height} = document.querySelector('.stage').getBoundingClientRect();
    const grid = document.getElementById('grid').getBoundingClientRect();
    const overflow = document.documentElement.scrollWidth - innerWidth;
    return [shift, nameless, overflow, [grid.width / innerWidth, grid.height >= height]];
  })()'''.replace('RACE', RACE), viewport=viewport)
  assert shift < 0.001
  assert (nameless, overflow, stage) == ([], 0, [1, True])


def test_a_missing_model_is_told_on_the_page():
  with web.serving({'/': web.web_root(), '/runtime/': web.web_root() / 'node_modules'}) as address:
    text, _ = browser.evaluate(address, DRAWN, MESSAGE)
  assert 'models/demo.json is missing' in text and 'tf-stugan demo' in text


@pytest.mark.parametrize(('damage', 'words'), [
    (lambda content: content[:len(content) // 2], r'models/sparse\.tflite is not whole: [\d,]+ of [\d,]+ bytes'),
    (lambda content: b'<html>not found</html>', r'models/sparse\.tflite is no \.tflite file'),
    (lambda content: content[:8] + bytes(len(content) - 8), r'models/sparse\.tflite cannot be run here .*damaged'),
], ids=['truncated', 'foreign', 'damaged'])
def test_a_file_that_is_not_ours_is_told_in_one_sentence(models, tmp_path, damage, words):
  for file in models.iterdir():
    content = file.read_bytes()
    (tmp_path / file.name).write_bytes(damage(content) if file.name == 'sparse.tflite' else content)
  with web.serving(browser.roots(tmp_path)) as address:
    text, _ = browser.evaluate(address, DRAWN, MESSAGE)
  assert re.match(f'This does not work: {words}', text), text


def test_what_a_device_cannot_do_is_told_in_one_sentence(address):
  """The browser without SIMD is this one, with a WebAssembly that refuses what has such instructions."""
  texts, _ = browser.evaluate(address, DRAWN, '''import('./device.js').then(device => {
    const told = act => { try { act(); return ''; } catch (error) { return error.message; } };
    return [
      told(() => device.checkBrowser()), told(() => device.checkBrowser(null)),
      told(() => device.checkBrowser({validate: bytes => !bytes.includes(253) && WebAssembly.validate(bytes)})),
      told(() => device.checkSize('a.tflite', 22e6, 8)), told(() => device.checkSize('a.tflite', 612e6, 8)),
      told(() => device.checkSize('a.tflite', 100e6, 0.5))]; })''')
  assert texts == [
      '', 'this browser has no WebAssembly, or it is switched off (some do that in a lockdown mode).',
      "this browser's WebAssembly has no SIMD instructions; one from 2023 or later has them.", '',
      'a.tflite has 612 MB, and this page loads at most 537 MB on this device; run it outside of a browser.',
      'a.tflite has 100 MB, and this page loads at most 67 MB on this device; run it outside of a browser.']


def test_a_model_that_is_too_large_is_not_even_fetched(models, tmp_path):
  for file in models.iterdir():
    (tmp_path / file.name).write_bytes(file.read_bytes())
  about = json.loads((models / 'demo.json').read_text())
  about['bytes']['sparse.tflite'] = 10**9
  (tmp_path / 'demo.json').write_text(json.dumps(about))
  with web.serving(browser.roots(tmp_path)) as address:
    (text, fetched), _ = browser.evaluate(
        address, DRAWN, f"[{MESSAGE}, performance.getEntriesByType('resource').map(r => r.name)]")
  assert text.startswith('This does not work: models/sparse.tflite has 1000 MB')
  assert not any('.tflite' in name for name in fetched)


class _AnyHost(http.server.SimpleHTTPRequestHandler):
  """A host of files that knows no header, and has the page below its root."""

  def log_message(self, *args):
    pass


def test_any_static_host_will_do(models, generator, tmp_path):
  folder = tmp_path / 'somebody' / 'page'
  (folder / 'models').mkdir(parents=True)
  for file in models.iterdir():
    (folder / 'models' / file.name).write_bytes(file.read_bytes())
  page_folder.copy_page(folder, web.web_root() / 'node_modules')
  with http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(_AnyHost, directory=tmp_path)) as server:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    (canvas, isolated, words), console = browser.evaluate(
        f'http://127.0.0.1:{server.server_port}/somebody/page/?threads', DRAWN,
        f"[{CANVAS % 'grid'}, crossOriginIsolated, document.getElementById('threads').textContent]")
    server.shutdown()
    thread.join()
  check(canvas, generator, 0)
  assert (isolated, console) == (False, []) and words.startswith('one thread (several need')


def test_several_threads_where_the_host_allows_them(address, generator):
  (canvas, words), console = browser.evaluate(
      address + '?threads', DRAWN, f"[{CANVAS % 'grid'}, document.getElementById('threads').textContent]")
  check(canvas, generator, 0)
  assert (words, console) == ('several threads', [])


def test_the_documented_lines_run(address, generator):
  """Those for JavaScript in docs/edge.md, with this generator's size, and its class where it takes one."""
  document = (processes.ROOT / 'docs' / 'edge.md').read_text()
  lines, = re.findall(r'^```js\n(.*?)^```', document, re.MULTILINE | re.DOTALL)
  latents = rng.latents([7], generator.latent_size)
  given = 'new Tensor(latents, [1, 128])'
  assert given in lines
  label = 'new Tensor(Int32Array.of(2), [1]), ' if generator.num_classes else ''
  lines = lines.replace(given, label + given.replace('128', str(generator.latent_size)))
  program = f'const latents = Float32Array.from({latents[0].tolist()});\n{lines}\nexport default Array.from(pixels);'
  program = program.replace("'/models", "location.origin + '/models")
  pixels, console = browser.evaluate(address, DRAWN, '''(async () => {
    const {unloadLiteRt} = await import('@litertjs/core');
    unloadLiteRt();
    const module = URL.createObjectURL(new Blob([%s], {type: 'text/javascript'}));
    return (await import(module)).default;
  })()'''.replace('%s', json.dumps(program)))
  np.testing.assert_allclose(np.reshape(pixels, -1), np.reshape(generator(latents, np.array([2])), -1), atol=1e-4)
  assert console == []
