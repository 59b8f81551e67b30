// The demonstration: two files of one generator, plain and lowered, painted from the same latents and timed.

import {fetchModelFile, Generator, median, paint, showMilliseconds} from './runtime.js';

const COLUMNS = 3;
const WARM_UP = {images: 30, milliseconds: 3000}; // a browser compiles again what it has found to run often
const TIMES = 5 * COLUMNS ** 2; // the newest measurements of each file, of which the median is shown
const LARGEST_DIFFERENCE = 1e-4; // of pixels in [-1, 1]: what an export is checked for, too

/** Spherical interpolation: latents on the way keep the length that normal ones have. */
export function slerp(first, last, fraction) {
  const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
  const cosine = dot(first, last) / Math.sqrt(dot(first, first) * dot(last, last));
  const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
  if (fraction === 0 || angle < 1e-6) return first.slice();
  const [a, b] = [Math.sin((1 - fraction) * angle) / Math.sin(angle), Math.sin(fraction * angle) / Math.sin(angle)];
  return first.map((value, i) => a * value + b * last[i]);
}

/** The largest distance of two images' pixels; infinite if one of them is no number. */
export function difference(first, last) {
  let largest = 0;
  for (let i = 0; i < first.length; i++) {
    const distance = Math.abs(first[i] - last[i]);
    if (!(distance <= largest)) largest = Number.isNaN(distance) ? Infinity : distance;
  }
  return largest;
}

/** What the measured milliseconds say; a clock may be too coarse to say anything. */
export function compareTimes(plain, sparse) {
  if (!(plain > 0 && sparse > 0)) return "too quick for this browser's clock";
  const [ratio, words] = sparse <= plain ? [plain / sparse, 'times as fast'] : [sparse / plain, 'times as long'];
  return `sparse ${sparse <= plain ? 'is' : 'takes'} ${ratio.toFixed(1)} ${words}`;
}

/** What comparing the images said. */
export function compareImages(largest) {
  if (largest <= LARGEST_DIFFERENCE) return `the images are the same (pixels in [-1, 1] differ by at most ${largest.toExponential(0)})`;
  return 'the images are not the same: ' +
      (Number.isFinite(largest) ? `pixels in [-1, 1] differ by up to ${largest.toPrecision(2)}` : 'some pixels are no numbers');
}

class Demo {
  constructor(page, about, latents, generators) {
    Object.assign(this, {page, about, latents, generators});
    this.times = Object.fromEntries(Object.keys(generators).map(name => [name, []]));
    this.element('expectation').textContent = about.expectation;
    this.controls = Object.fromEntries(['seed', 'other', 'fraction', 'class', 'truncation'].map(id => [id, this.element(id)]));
    this.controls.seed.max = this.controls.other.max = about.seeds - COLUMNS ** 2;
    this.controls.truncation.max = about.truncations.length - 1;
    this.controls.class.max = about.num_classes - 1;
    this.element('class-row').hidden = !about.num_classes;
    for (const [name, generator] of Object.entries(generators)) {
      const [height, width] = about.image_shape;
      Object.assign(this.element(name), {width: COLUMNS * width, height: COLUMNS * height});
      this.element(`${name}-size`).textContent = `${(generator.size / 1e6).toFixed(2)} MB`;
    }
    for (const control of Object.values(this.controls)) control.addEventListener('input', () => this.draw());
  }

  element(id) {
    return this.page.getElementById(id);
  }

  /** The latent of a seed, as the library draws it: [truncation, seed, number] in one array. */
  latent(truncation, seed) {
    const size = this.about.latent_size;
    return this.latents.subarray((truncation * this.about.seeds + seed) * size).slice(0, size);
  }

  /** Runs both files untimed: the first images take longer than any later one. */
  async warmUp() {
    for (const generator of Object.values(this.generators)) {
      const start = performance.now();
      for (let i = 0; i < WARM_UP.images && performance.now() - start < WARM_UP.milliseconds; i++) {
        await generator.image(this.latent(0, 0), this.about.labels[0]);
      }
    }
  }

  /** Paints both grids; a change that comes meanwhile is painted after. */
  async draw() {
    this.stale = true;
    if (this.drawing) return;
    this.drawing = true;
    while (this.stale) {
      this.stale = false;
      this.label();
      await this.drawOnce();
    }
    this.drawing = false;
    this.page.body.dataset.drawn = Number(this.page.body.dataset.drawn ?? 0) + 1;
  }

  async drawOnce() {
    const at = id => Number(this.controls[id].value);
    let largest = 0;
    for (let i = 0; i < COLUMNS ** 2; i++) {
      if (this.stale) return; // nothing is said of half a grid
      const [first, last] = ['seed', 'other'].map(id => this.latent(at('truncation'), at(id) + i));
      const latent = slerp(first, last, at('fraction'));
      const label = at('class') < 0 ? this.about.labels[at('seed') + i] : at('class');
      const pixels = {};
      for (const [name, generator] of Object.entries(this.generators)) {
        const start = performance.now();
        pixels[name] = await generator.image(latent, label);
        this.times[name] = [...this.times[name], performance.now() - start].slice(-TIMES);
        const [height, width] = this.about.image_shape;
        paint(this.element(name), pixels[name], this.about.image_shape, (i % COLUMNS) * width, Math.floor(i / COLUMNS) * height);
      }
      largest = Math.max(largest, difference(pixels.plain, pixels.sparse));
      await new Promise(resolve => setTimeout(resolve)); // let the sliders move
    }
    const ms = Object.fromEntries(Object.entries(this.times).map(([name, values]) => [name, median(values)]));
    for (const name of Object.keys(ms)) this.element(`${name}-ms`).textContent = showMilliseconds(ms[name]);
    this.element('ratio').textContent = `Measured here: ${compareTimes(ms.plain, ms.sparse)}; ${compareImages(largest)}.`;
  }

  label() {
    const {truncations} = this.about;
    const texts = {class: v => (v < 0 ? 'each its own' : v), truncation: v => truncations[v] ?? 'none'};
    for (const [id, control] of Object.entries(this.controls)) {
      control.nextElementSibling.textContent = texts[id]?.(Number(control.value)) ?? control.value;
    }
  }
}

/** Loads models/ and paints; what goes wrong is told on the page. */
export async function start(page) {
  const message = page.getElementById('message');
  try {
    const about = await (await fetchModelFile('demo.json')).json();
    const latents = new Float32Array(await (await fetchModelFile('latents.bin')).arrayBuffer());
    const [plain, sparse] = await Promise.all(['plain', 'sparse'].map(name => Generator.load(`${name}.tflite`)));
    const demo = new Demo(page, about, latents, {plain, sparse});
    message.textContent = 'Warming up ...';
    await demo.warmUp();
    await demo.draw();
    message.textContent = '';
  } catch (error) {
    message.textContent = `This does not work: ${error.message}`;
    page.body.dataset.failed = true;
  }
}
