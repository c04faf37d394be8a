// Chromium, and an eye on whom its pages talk to.
import { chromium } from 'playwright-core';

/** A new Chromium without any traffic of its own. */
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
    ],
  });
}

/** A page in a context of its own. Its `strangers` are the addresses outside `origins` that it asked, its `faults` what went wrong in it. */
export async function openPage(browser, origins, options = {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const strangers = [];
  const faults = [];
  const known = origins.map((it) => new URL(it).host);
  const notice = (address) => {
    const url = new URL(address);
    if (['data:', 'blob:', 'about:'].includes(url.protocol)) return;
    if (!known.includes(url.host)) strangers.push(address);
  };
  context.on('request', (request) => notice(request.url()));
  page.on('websocket', (socket) => notice(socket.url()));
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && /Content Security Policy/i.test(message.text())) faults.push(message.text());
  });
  return { context, page, strangers, faults };
}
