// Opens a page in headless Chromium and evaluates an expression there: node drive.js URL CONDITION EXPRESSION [SCREENSHOT]
//
// CONDITION is waited for first. VIEWPORT=390x844 and SCHEME=dark in the environment say how the page is seen. Prints one JSON object {result, console}, where console holds the errors.

import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {chromium} from 'playwright-core';

const [url, condition, expression, screenshot] = process.argv.slice(2);
const [width, height] = (process.env.VIEWPORT ?? '720x760').split('x').map(Number);
const profile = mkdtempSync(join(tmpdir(), 'chromium-'));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  viewport: {width, height},
  colorScheme: process.env.SCHEME ?? 'light',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
         '--disable-component-update', '--disable-sync'],
});
try {
  const page = await context.newPage();
  const lines = [];
  // LiteRT writes its own log to the console as errors.
  page.on('console', line => line.type() === 'error' && !/^(INFO|WARNING): /.test(line.text()) && lines.push(line.text()));
  page.on('pageerror', error => lines.push(String(error)));
  await page.goto(url);
  await page.waitForFunction(condition, null, {timeout: 120_000});
  const result = await page.evaluate(expression);
  if (screenshot) await page.screenshot({path: screenshot, fullPage: true});
  process.stdout.write(JSON.stringify({result, console: lines}) + '\n');
} finally {
  await context.close();
  rmSync(profile, {recursive: true, force: true});
}
