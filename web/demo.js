// The demonstration: sliders, keys and buttons of the page, and what each of them starts.

import {threadsAreAllowed} from './device.js';
import {Grid} from './grid.js';
import {Latents} from './latents.js';
import {showMasks} from './masks.js';
import {Race} from './race.js';
import {fetchDescription, fetchModelFile, Generator, tell} from './runtime.js';

const KEYS = {' ': 'toggleMorph', n: 'nextSeeds', r: 'toggleRace', c: 'nextClass'};

class Demo {
  constructor(page, about, latents, sparse) {
    Object.assign(this, {page, about, latents, sparse});
    this.controls = Object.fromEntries(['seed', 'other', 'fraction', 'class', 'truncation'].map(id => [id, this.element(id)]));
    this.controls.seed.max = this.controls.other.max = about.seeds - 1;
    this.controls.truncation.max = about.truncations.length - 1;
    this.controls.class.max = about.num_classes - 1;
    this.element('class-row').hidden = !about.num_classes;
    this.element('expectation').textContent = about.expectation;
    this.grid = new Grid(this.element('grid'), about.image_shape, latents, sparse, () => this.choice());
    for (const control of Object.values(this.controls)) control.addEventListener('input', () => this.change());
    this.element('play').addEventListener('click', () => this.toggleMorph());
    this.element('race').addEventListener('click', () => this.toggleRace());
    page.addEventListener('keydown', event => this.press(event));
    page.defaultView.addEventListener('resize', () => this.grid.fit() && this.change());
    page.addEventListener('visibilitychange', () => page.hidden && this.race?.running && this.toggleRace());
  }

  element(id) {
    return this.page.getElementById(id);
  }

  choice() {
    const at = id => Number(this.controls[id].value);
    return {seed: at('seed'), other: at('other'), fraction: at('fraction'), truncation: at('truncation'), label: at('class')};
  }

  /** Shows what the sliders say, and paints it. */
  change() {
    const {truncations} = this.about;
    const texts = {
      class: value => (value < 0 ? 'own' : value),
      truncation: value => (Number.isInteger(value) ? truncations[value] ?? 'none'
          : `${truncations[Math.floor(value)] ?? 'none'}-${truncations[Math.ceil(value)]}`)};
    for (const [id, control] of Object.entries(this.controls)) {
      const text = texts[id]?.(Number(control.value)) ?? control.value;
      control.nextElementSibling.textContent = text;
      control.setAttribute('aria-valuetext', text);
    }
    return this.guard(this.grid.draw());
  }

  press(event) {
    const {tagName} = event.target;
    const taken = tagName === 'SELECT' || (event.key === ' ' && ['BUTTON', 'INPUT'].includes(tagName)); // keys of their own
    if (taken || event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
    event.preventDefault();
    this[KEYS[event.key]]();
  }

  nextSeeds() {
    const {other} = this.choice();
    this.controls.seed.value = other;
    this.controls.other.value = (other + this.grid.columns * this.grid.rows) % this.about.seeds;
    this.controls.fraction.value = 0;
    this.change();
  }

  nextClass() {
    if (!this.about.num_classes) return;
    const {label} = this.choice();
    this.controls.class.value = label + 1 < this.about.num_classes ? label + 1 : -1;
    this.change();
  }

  toggleMorph() {
    const starts = !this.grid.morphing;
    show(this.element('play'), starts, 'Stop', 'Morph');
    if (!starts) {
      this.grid.morphing = false;
      return;
    }
    let fraction = this.choice().fraction;
    this.guard(this.grid.morph(step => {
      fraction += step;
      if (fraction >= 1) {
        this.nextSeeds();
        fraction = 0;
      }
      this.controls.fraction.value = fraction;
      this.change();
    }));
  }

  /** Starts the race, or ends it; the dense file is loaded for the first one. The grid waits meanwhile. */
  async toggleRace() {
    if (this.race?.running) {
      this.race.running = false;
      return;
    }
    if (this.loading) return;
    this.loading = true;
    show(this.element('race'), true, 'Stop', 'Race');
    await this.grid.pause();
    await this.guard(this.runRace());
    this.loading = false;
    show(this.element('race'), false, 'Stop', 'Race');
    this.guard(this.grid.resume());
  }

  async runRace() {
    const say = text => { this.element('race-note').textContent = text; };
    if (!this.race) {
      say('Loading the dense file ...');
      const plain = await load(this.about, 'plain.tflite');
      const race = new Race(this.page, this.about.image_shape, this.latents, {plain, sparse: this.sparse});
      say('Warming up ...');
      await race.prepare();
      this.race = race;
    }
    say('');
    await this.race.run();
  }

  /** Tells what goes wrong on the page. */
  guard(promise) {
    return promise.catch(error => {
      tell(this.page, error);
      this.page.body.dataset.failed = true;
    });
  }
}

/** Shows whether a button's work goes on. */
function show(button, pressed, on, off) {
  button.setAttribute('aria-pressed', pressed);
  button.textContent = pressed ? on : off;
}

function load(about, name) {
  return Generator.load(name, {bytes: about.bytes[name], threads: threadsAreAllowed() && wantsThreads()});
}

/** Threads are asked for in the address, '?threads': one is the fairer race, and the safer start. */
function wantsThreads() {
  return new URL(location.href).searchParams.has('threads');
}

function describeThreads() {
  if (!wantsThreads()) return 'one thread';
  return threadsAreAllowed() ? 'several threads' : "one thread (several need the host's headers COOP and COEP, see README.txt)";
}

/** Loads models/ and paints; what goes wrong is told on the page. */
export async function start(page) {
  const message = page.getElementById('message');
  try {
    page.getElementById('threads').textContent = describeThreads();
    const about = await fetchDescription('demo.json');
    const [values, sparse] = await Promise.all([
      fetchModelFile('latents.bin').then(answer => answer.arrayBuffer()), load(about, 'sparse.tflite')]);
    const demo = new Demo(page, about, new Latents(about, new Float32Array(values)), sparse);
    demo.grid.fit();
    message.textContent = '';
    for (const id of ['play', 'race']) page.getElementById(id).disabled = false;
    showMasks(page, about.layers);
    await demo.change();
  } catch (error) {
    tell(page, error);
    page.body.dataset.failed = true;
  }
}
