// What both pages share: a .tflite in the browser, pixels on a canvas, and medians.

import {loadAndCompile, loadLiteRt, Tensor} from '@litertjs/core';

const RUNTIME = new URL('./node_modules/@litertjs/core/wasm/', import.meta.url).href;

/** Fetches a file of models/. */
export async function fetchModelFile(name) {
  const answer = await fetch(new URL(`./models/${name}`, import.meta.url));
  if (!answer.ok) throw new Error(`models/${name} is missing (${answer.status}): start this page with "tf-stugan demo --workdir=..."`);
  return answer;
}

/** A .tflite in LiteRT's runtime: WebAssembly on one thread, if nothing else is asked for. */
export class Generator {
  static async load(name, {accelerator = 'wasm', threads = false} = {}) {
    const bytes = new Uint8Array(await (await fetchModelFile(name)).arrayBuffer());
    await (Generator.runtime ??= loadLiteRt(RUNTIME, {threads, jspi: accelerator === 'webnn'}));
    return new Generator(await loadAndCompile(bytes, {accelerator}), bytes.length);
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
