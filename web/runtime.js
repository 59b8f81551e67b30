// What both pages share: a .tflite in the browser, pixels on a canvas, and medians.

import {loadAndCompile, loadLiteRt, Tensor} from '@litertjs/core';
import {checkBrowser, checkFile, checkSize} from './device.js';

const RUNTIME = new URL('../wasm/', import.meta.resolve('@litertjs/core')).href;

/** Fetches a file of models/. */
export async function fetchModelFile(name) {
  const answer = await fetch(new URL(`./models/${name}`, import.meta.url)).catch(() => {
    throw new Error(`models/${name} cannot be fetched: is this device offline, or the page opened from a disk?`);
  });
  if (!answer.ok) throw new Error(`models/${name} is missing (${answer.status}): make this page with "tf-stugan demo --workdir=..."`);
  return answer;
}

/** Fetches a description, which says that the page belongs to a model. */
export async function fetchDescription(name) {
  return (await fetchModelFile(name)).json().catch(() => { throw new Error(`models/${name} is no description of a model.`); });
}

/** A .tflite in LiteRT's runtime: WebAssembly on one thread, if nothing else is asked for. */
export class Generator {
  static async load(name, {accelerator = 'wasm', threads = false, bytes: expected} = {}) {
    checkBrowser();
    checkSize(`models/${name}`, expected ?? 0);
    const answer = await fetchModelFile(name);
    const bytes = new Uint8Array(await answer.arrayBuffer());
    checkFile(`models/${name}`, bytes, expected);
    checkSize(`models/${name}`, bytes.length);
    try {
      await (Generator.runtime ??= loadLiteRt(RUNTIME, {threads, jspi: accelerator === 'webnn'}));
    } catch (error) {
      throw new Error(`the runtime cannot be loaded (${error.message ?? error}); it needs a folder runtime/ beside this page.`);
    }
    try {
      return new Generator(await loadAndCompile(bytes, {accelerator}), bytes.length);
    } catch (error) {
      throw new Error(`models/${name} cannot be run here (${error.message ?? error}): it is damaged, or too large for this device.`);
    }
  }

  constructor(model, size) {
    this.model = model;
    this.size = size;
    this.inputs = model.getInputDetails();
  }

  /** Float32Array of one latent or picture, and a class -> Float32Array [H * W * C] in [-1, 1]. */
  async image(latent, label) {
    const tensors = this.inputs.map(({name, shape}) =>
      name.includes('labels') ? new Tensor(Int32Array.of(label), Array.from(shape)) : new Tensor(latent, Array.from(shape)));
    const outputs = await this.model.run(tensors);
    const result = await outputs[0].moveTo('wasm');
    const pixels = new Float32Array(result.toTypedArray());
    for (const tensor of [...tensors, result]) tensor.delete();
    return pixels;
  }
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

/** Milliseconds, with two figures where they are few. */
export function showMilliseconds(value) {
  return value.toFixed(value < 10 ? 2 : 1);
}

/** Puts one image [H, W, C] of pixels in [-1, 1] onto a canvas, its corner at (x, y). */
export function paint(canvas, pixels, [height, width, channels], x = 0, y = 0) {
  const image = new ImageData(width, height);
  for (let i = 0; i < height * width; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = (pixels[i * channels + (channels === 3 ? c : 0)] + 1) * 127.5;
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext('2d').putImageData(image, x, y);
}

/** Lets the browser answer the visitor, and goes on. */
export function breathe() {
  return new Promise(resolve => setTimeout(resolve));
}

/** Shows on the page what went wrong. */
export function tell(page, error) {
  page.getElementById('message').textContent = `This does not work: ${error.message}`;
}
