// Dense against sparse: both files paint the same walk, each for the same time, and are timed.

import {breathe, paint, showMilliseconds} from './runtime.js';

const WARM_UP = {images: 30, milliseconds: 3000}; // a browser compiles again what it has found to run often
const TURN = 100; // milliseconds that a file has before it is the other one's turn
const STEPS = 24; // images from one seed to the next
const TIMES = 45; // the newest measurements of each file, of whose middle half the mean is shown
const COMPARED = 9; // images of both files
const LARGEST_DIFFERENCE = 1e-4; // of pixels in [-1, 1]: what an export is checked for, too
const SHOWN_EVERY = 400; // milliseconds

/** The largest distance of two images' pixels; infinite if one of them is no number. */
export function difference(first, last) {
  let largest = 0;
  for (let i = 0; i < first.length; i++) {
    const distance = Math.abs(first[i] - last[i]);
    if (!(distance <= largest)) largest = Number.isNaN(distance) ? Infinity : distance;
  }
  return largest;
}

/** The mean of the middle half: pauses of the browser do not count, and the steps of a coarse clock even out. */
export function middle(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.slice(Math.floor(sorted.length / 4), Math.ceil(3 * sorted.length / 4));
  return half.reduce((sum, value) => sum + value, 0) / half.length;
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

export class Race {
  constructor(page, shape, latents, generators) {
    Object.assign(this, {page, shape, latents, generators}); // generators: {plain, sparse}, also ids of their canvases
    this.frames = {plain: 0, sparse: 0};
    this.times = {plain: [], sparse: []};
    const [height, width] = shape;
    for (const [name, generator] of Object.entries(generators)) {
      Object.assign(this.element(name), {width, height});
      this.element(`${name}-size`).textContent = `${(generator.size / 1e6).toFixed(2)} MB`;
    }
  }

  element(id) {
    return this.page.getElementById(id);
  }

  /** Runs both files untimed, since the first images take longer than any later one; then compares what they make. */
  async prepare() {
    for (const generator of Object.values(this.generators)) {
      const start = performance.now();
      for (let i = 0; i < WARM_UP.images && performance.now() - start < WARM_UP.milliseconds; i++) {
        await generator.image(this.latents.at(0, 0), this.latents.label(0));
        if (i % 5 === 0) await breathe();
      }
    }
    this.largest = 0;
    for (let i = 0; i < COMPARED; i++) {
      const images = [];
      for (const generator of Object.values(this.generators)) images.push(await generator.image(this.latents.at(0, i), this.latents.label(i)));
      this.largest = Math.max(this.largest, difference(...images));
    }
  }

  async paintOne(name) {
    const frame = this.frames[name]++;
    const seed = Math.floor(frame / STEPS);
    const latent = this.latents.between(0, seed, seed + 1, frame % STEPS / STEPS);
    const start = performance.now();
    const pixels = await this.generators[name].image(latent, this.latents.label(seed));
    this.times[name] = [...this.times[name], performance.now() - start].slice(-TIMES);
    paint(this.element(name), pixels, this.shape);
  }

  /** Goes on until `running` becomes false. */
  async run() {
    this.running = true;
    let shown = performance.now();
    while (this.running) {
      for (const name of Object.keys(this.generators)) {
        const until = performance.now() + TURN;
        do {
          await this.paintOne(name);
          await breathe();
        } while (this.running && performance.now() < until);
      }
      if (performance.now() - shown > SHOWN_EVERY) {
        this.show();
        shown = performance.now();
      }
    }
    this.show();
  }

  show() {
    const ms = {};
    for (const [name, values] of Object.entries(this.times)) {
      ms[name] = middle(values);
      this.element(`${name}-ms`).textContent = showMilliseconds(ms[name]);
      this.element(`${name}-fps`).textContent = ms[name] > 0 ? Math.round(1000 / ms[name]) : '-';
    }
    this.element('ratio').textContent = `Measured here: ${compareTimes(ms.plain, ms.sparse)}; ${compareImages(this.largest)}.`;
    this.page.body.dataset.raced = Number(this.page.body.dataset.raced ?? 0) + 1;
  }
}
