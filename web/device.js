// What this device cannot do, and what is wrong with a file: one sentence each, for people.

const MOST_BYTES = 512 * 2 ** 20; // of a model; WebAssembly has at most 4 GB, and unpacks sparse weights into it
const SHARE_OF_MEMORY = 1 / 8;
const IDENTIFIER = 'TFL3'; // of a .tflite, at byte 4

// A function that returns an i8x16.splat: it is valid where there are SIMD instructions only.
const SIMD = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11);

const inMegabytes = bytes => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 2 : 0)} MB`;

/** Throws what keeps any model from running here. */
export function checkBrowser(wasm = globalThis.WebAssembly) {
  if (!wasm) throw new Error('this browser has no WebAssembly, or it is switched off (some do that in a lockdown mode).');
  if (!wasm.validate(SIMD)) throw new Error("this browser's WebAssembly has no SIMD instructions; one from 2023 or later has them.");
}

/** Throws where a model is larger than the page, or this device, can be asked to hold. */
export function checkSize(name, bytes, gigabytes = globalThis.navigator?.deviceMemory ?? 8) {
  const most = Math.min(MOST_BYTES, gigabytes * 2 ** 30 * SHARE_OF_MEMORY);
  if (bytes > most) {
    throw new Error(`${name} has ${inMegabytes(bytes)}, and this page loads at most ${inMegabytes(most)} on this device; run it outside of a browser.`);
  }
}

/** Throws where bytes are no whole .tflite; `expected` is how many they should be, if anybody knows. */
export function checkFile(name, bytes, expected) {
  const begin = String.fromCharCode(...bytes.subarray(4, 8));
  if (begin !== IDENTIFIER) throw new Error(`${name} is no .tflite file; a host may have answered with a page of its own.`);
  if (expected && bytes.length !== expected) {
    throw new Error(`${name} is not whole: ${bytes.length.toLocaleString('en')} of ${expected.toLocaleString('en')} bytes; upload it again.`);
  }
}

/** What several threads need, which depends on the host's headers. */
export function threadsAreAllowed() {
  return globalThis.crossOriginIsolated === true && (globalThis.navigator?.hardwareConcurrency ?? 1) > 1;
}
