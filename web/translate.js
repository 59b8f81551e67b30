// A translator between two domains, at work on the visitor's own picture.

import {breathe, fetchDescription, Generator, median, paint, showMilliseconds, tell} from './runtime.js';

const TIMES = 5; // translations of a picture, of which the median is shown; the first one warms up

/** The middle of a picture, as large as its shape allows, scaled to [height, width]: its pixels [H, W, C] in [-1, 1]. */
export function fit(picture, canvas, [height, width, channels]) {
  const scale = Math.max(width / picture.width, height / picture.height);
  const context = Object.assign(canvas, {width, height}).getContext('2d', {willReadFrequently: true});
  Object.assign(context, {imageSmoothingQuality: 'high', fillStyle: 'white'});
  context.fillRect(0, 0, width, height); // what is transparent becomes white
  context.drawImage(picture, (width - scale * picture.width) / 2, (height - scale * picture.height) / 2,
                    scale * picture.width, scale * picture.height);
  const {data} = context.getImageData(0, 0, width, height);
  return Float32Array.from({length: height * width * channels}, (_, i) => {
    const pixel = 4 * Math.floor(i / channels);
    const value = channels === 3 ? data[pixel + i % 3] : 0.299 * data[pixel] + 0.587 * data[pixel + 1] + 0.114 * data[pixel + 2];
    return value / 127.5 - 1;
  });
}

class Translation {
  constructor(page, about, generator) {
    Object.assign(this, {page, about, generator});
    const [height, width] = about.image_shape;
    for (const id of ['before', 'after']) Object.assign(this.element(id), {width, height});
    this.element('source').textContent = about.source;
    this.element('domain').textContent = about.domain;
    this.element('size').textContent = `${width} x ${height}`;
    this.element('model-size').textContent = `${(generator.size / 1e6).toFixed(2)} MB`;
    this.element('file').addEventListener('change', event => this.take(event.target.files));
    const drop = this.element('drop');
    drop.addEventListener('dragover', event => { event.preventDefault(); drop.classList.add('over'); });
    drop.addEventListener('dragleave', () => drop.classList.remove('over'));
    drop.addEventListener('drop', event => { event.preventDefault(); drop.classList.remove('over'); this.take(event.dataTransfer.files); });
    page.addEventListener('paste', event => this.take(event.clipboardData.files));
  }

  element(id) {
    return this.page.getElementById(id);
  }

  /** Translates the first of some files; the newest picture wins. */
  async take([file]) {
    if (!file) return;
    this.newest = file;
    try {
      const picture = await createImageBitmap(file).catch(() => { throw new Error(`${file.name} is no picture that this browser can read`); });
      await this.translate(picture, file);
      if (this.newest === file) this.say('');
    } catch (error) {
      tell(this.page, error);
    }
  }

  async translate(picture, file) {
    const times = [];
    const input = fit(picture, this.element('before'), this.about.image_shape);
    this.say('Translating ...');
    for (let i = 0; i <= TIMES && this.newest === file; i++) {
      await breathe(); // let the page show what it says
      const start = performance.now();
      const pixels = await this.generator.image(input.slice());
      times.push(performance.now() - start);
      if (this.newest === file) paint(this.element('after'), pixels, this.about.image_shape);
    }
    if (this.newest !== file) return;
    this.element('ms').textContent = showMilliseconds(median(times.slice(1)));
    Object.assign(this.element('save'), {href: this.element('after').toDataURL(), hidden: false});
    this.page.body.dataset.drawn = Number(this.page.body.dataset.drawn ?? 0) + 1;
  }

  say(text) {
    this.element('message').textContent = text;
  }
}

/** Loads models/; what goes wrong is told on the page. */
export async function start(page) {
  const message = page.getElementById('message');
  try {
    const about = await fetchDescription('translator.json');
    new Translation(page, about, await Generator.load('translator.tflite', {bytes: about.bytes['translator.tflite']}));
    message.textContent = '';
    page.body.dataset.ready = true;
  } catch (error) {
    tell(page, error);
    page.body.dataset.failed = true;
  }
}
