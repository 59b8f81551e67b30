// A drawing of a layer's masks: a square a kernel, a dot a weight that is kept.

import {fetchModelFile} from './runtime.js';

const DOT = 5; // pixels of the canvas that a weight has
const GAP = 3; // between kernels

/** What a layer's numbers say, in words. */
export function describeLayer({shape: [height, width, inputs, outputs], kept, shown}) {
  const weights = height * width * inputs * outputs;
  const part = shown[2] < inputs || shown[3] < outputs ? `; the drawing has the first ${shown[2]} x ${shown[3]} of them` : '';
  return `${inputs} maps in (columns), ${outputs} maps out (rows), ${height} x ${width} weights for each pair${part}. ` +
      `Kept: ${kept.toLocaleString('en')} of ${weights.toLocaleString('en')} weights, ${(100 * kept / weights).toPrecision(2)} %.`;
}

/** Draws kept, one byte a weight [H, W, C_in, C_out], in the colours of the canvas. */
export function drawMask(canvas, kept, [height, width, inputs, outputs]) {
  const step = [DOT * width + GAP, DOT * height + GAP];
  Object.assign(canvas, {width: inputs * step[0] + GAP, height: outputs * step[1] + GAP});
  canvas.style.aspectRatio = `${canvas.width} / ${canvas.height}`;
  const context = canvas.getContext('2d');
  const places = ['--paper', '--accent'].map(name => getComputedStyle(canvas).getPropertyValue(name));
  for (let tap = 0; tap < height * width; tap++) {
    for (let i = 0; i < inputs; i++) {
      for (let o = 0; o < outputs; o++) {
        context.fillStyle = places[kept[(tap * inputs + i) * outputs + o]];
        context.fillRect(GAP + i * step[0] + DOT * (tap % width), GAP + o * step[1] + DOT * Math.floor(tap / width), DOT, DOT);
      }
    }
  }
}

/** Fills the section about masks when it is about to be seen. */
export function showMasks(page, layers) {
  const element = id => page.getElementById(id);
  let offset = 0;
  const rows = layers.map(layer => {
    const bytes = layer.shown.reduce((a, b) => a * b, 1);
    offset += bytes;
    return {layer, start: offset - bytes, end: offset};
  });
  const select = element('layer');
  select.append(...layers.map((layer, i) => new Option(layer.name, i)));
  select.value = Math.min(1, layers.length - 1);
  let masks;
  const draw = async () => {
    masks ??= fetchModelFile('masks.bin').then(answer => answer.arrayBuffer());
    const {layer, start, end} = rows[select.value];
    drawMask(element('mask'), new Uint8Array(await masks).subarray(start, end), layer.shown);
    element('mask-words').textContent = describeLayer(layer);
    element('mask').setAttribute('aria-label', `the weights of ${layer.name}. ${describeLayer(layer)}`);
    page.body.dataset.masks = layer.name;
  };
  select.addEventListener('change', draw);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => masks && draw());
  const observer = new IntersectionObserver(entries => {
    if (!entries.some(entry => entry.isIntersecting)) return;
    observer.disconnect();
    draw().catch(error => { element('mask-words').textContent = `This does not work: ${error.message}`; });
  }, {rootMargin: '200px'});
  observer.observe(element('masks'));
}
