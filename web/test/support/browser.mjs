// Chromium, whom its pages talk to, and what axe finds in them.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const DIST = fileURLToPath(new URL('../../dist/', import.meta.url));
const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export const SIZES = {
  desktop: { viewport: { width: 1280, height: 800 } },
  phone: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 },
};

/** A Chromium without traffic of its own, whose microphone hums. */
export function launch() {
  return chromium.launch({
    executablePath: process.env.CONFAB_CHROMIUM || '/usr/bin/chromium',
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream',
    ],
  });
}

/**
 * A page in a context of its own. `faults` are what went wrong in it: exceptions, what the policy forbade, and addresses
 * outside of `origin` that it asked.
 */
export async function openPage(browser, origin, options = {}) {
  const context = await browser.newContext({ locale: 'en-GB', permissions: ['microphone', 'clipboard-write', 'clipboard-read'], ...options });
  const page = await context.newPage();
  const faults = [];
  const notice = (address) => {
    const url = new URL(address);
    if (!['data:', 'blob:', 'about:'].includes(url.protocol) && url.host !== new URL(origin).host) faults.push(`asked ${address}`);
  };
  context.on('request', (request) => notice(request.url()));
  page.on('websocket', (socket) => notice(socket.url()));
  page.on('pageerror', (error) => faults.push(error.stack ?? error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && /Content Security Policy/i.test(message.text())) faults.push(message.text());
  });
  // For work on the pages without building the server anew after each change.
  if (process.env.CONFAB_WEB_DIST) {
    await context.route('**/site/*', async (route) => {
      const name = new URL(route.request().url()).pathname.split('/').pop().replace(/\.[0-9a-f]{16}\./, '.');
      const body = await readFile(join(DIST, name)).catch(() => null);
      if (body) await route.fulfill({ body, contentType: { js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' }[name.split('.').pop()] });
      else await route.continue();
    });
  }
  page.setDefaultTimeout(60_000);
  return { context, page, faults };
}

/** Asserts that axe finds nothing, in light and in dark. */
export async function accessible(page, what) {
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    // What fades in has to have come: colours are judged as they are at the moment.
    await page.evaluate(() => Promise.allSettled(document.getAnimations().map((it) => (it.effect?.getTiming().iterations === Infinity ? null : it.finished))));
    await page.evaluate(AXE);
    const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }));
    const told = violations.map((it) => `${it.id}: ${it.nodes.slice(0, 4).map((node) => `${node.target} ${node.failureSummary}`).join('\n    ')}`);
    assert.deepEqual(told, [], `${what}, ${colorScheme}`);
  }
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'no-preference' });
}
