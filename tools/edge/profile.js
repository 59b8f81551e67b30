// Where the time of .tflite files goes in headless Chromium: node profile.js URL ROUNDS FILE... (URL as benchmark_edge.py serves it)
//
// Prints {file: {images, functions: {name: milliseconds}}}: how long each WebAssembly function ran itself, by sampling.

import {createRequire} from 'node:module';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';

const {chromium} = createRequire(fileURLToPath(new URL('../../web/', import.meta.url)))('playwright-core');
const [url, rounds, ...files] = process.argv.slice(2);
const profile = mkdtempSync(join(tmpdir(), 'chromium-'));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--no-first-run'],
});
try {
  const page = await context.newPage();
  await page.goto(url);
  await page.waitForFunction('document.body.dataset.ready');
  const session = await context.newCDPSession(page);
  await session.send('Profiler.enable');
  await session.send('Profiler.setSamplingInterval', {interval: 200});
  const result = {};
  for (const file of files) {
    await page.evaluate(file => window.prepare(file), file);
    await session.send('Profiler.start');
    const total = await page.evaluate(rounds => window.repeat(rounds), Number(rounds));
    const {profile: {nodes, samples, timeDeltas}} = await session.send('Profiler.stop');
    const names = new Map(nodes.map(({id, callFrame}) => [id, callFrame.functionName]));
    const functions = {};
    samples.forEach((id, i) => functions[names.get(id)] = (functions[names.get(id)] ?? 0) + timeDeltas[i] / 1000);
    result[file] = {total, functions};
  }
  process.stdout.write(JSON.stringify(result) + '\n');
} finally {
  await context.close();
  rmSync(profile, {recursive: true, force: true});
}
