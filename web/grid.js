// A grid of images as large as the screen, painted one after the other by the sparse file.

import {breathe, paint} from './runtime.js';

const TILE = 112; // pixels of the screen, about
const MOST = 96; // images; more would take long on a phone
const WALK = 2500; // milliseconds from one seed to the next

/** How many images fit a place of so many pixels: columns fill its width, rows its height, the last one perhaps in part. */
export function fitGrid(width, height) {
  const tile = Math.max(Math.min(TILE, width / 3), Math.sqrt(width * height / MOST));
  const columns = Math.max(1, Math.floor(width / tile));
  return {columns, rows: Math.max(1, Math.ceil(height / (width / columns)))};
}

export class Grid {
  constructor(canvas, shape, latents, generator, choice) {
    Object.assign(this, {canvas, shape, latents, generator, choice}); // choice() -> {seed, other, fraction, truncation, label}
    this.drawn = 0;
  }

  /** Takes the size of its place; true if that changes the number of images. */
  fit() {
    const {columns, rows} = fitGrid(this.canvas.parentElement.clientWidth, this.canvas.parentElement.clientHeight);
    if (columns === this.columns && rows === this.rows) return false;
    const [height, width] = this.shape;
    Object.assign(this, {columns, rows});
    Object.assign(this.canvas, {width: columns * width, height: rows * height});
    return true;
  }

  async paintOne(i) {
    const {seed, other, fraction, truncation, label} = this.choice();
    const latent = this.latents.between(truncation, seed + i, other + i, fraction);
    const pixels = await this.generator.image(latent, label < 0 ? this.latents.label(seed + i) : label);
    const [height, width] = this.shape;
    paint(this.canvas, pixels, this.shape, (i % this.columns) * width, Math.floor(i / this.columns) * height);
  }

  /** Paints all; a change that comes meanwhile is painted after. */
  async draw() {
    this.stale = true;
    if (this.busy || this.paused) return;
    this.busy = true;
    try {
      while (this.stale && !this.paused) {
        this.stale = false;
        for (let i = 0; i < this.columns * this.rows && !this.stale && !this.paused; i++) {
          await this.paintOne(i);
          await breathe();
        }
      }
    } finally {
      this.busy = false;
    }
    if (!this.stale) this.canvas.ownerDocument.body.dataset.drawn = ++this.drawn;
  }

  /** Lets go of the processor while something else is timed. */
  async pause() {
    this.paused = true;
    while (this.busy) await breathe();
  }

  async resume() {
    this.paused = false;
    if (this.stale) await this.draw();
  }

  /** Moves from seed to seed until it is stopped: advance(fraction) is called with what lies behind, 1 for a whole way. */
  async morph(advance) {
    this.morphing = true;
    let before = performance.now();
    while (this.morphing) {
      await this.draw();
      await new Promise(resolve => requestAnimationFrame(resolve));
      const now = performance.now();
      if (!this.paused) advance(Math.min(0.1, (now - before) / WALK));
      before = now;
    }
  }
}
