// Chromium with pages of the server's own origin, which are there whether the server is or not.
import { readFile } from 'node:fs/promises';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';
import { fileURLToPath } from 'node:url';

const app = fileURLToPath(new URL('../pages/app.jsx', import.meta.url));
const PREACT = { react: 'preact/compat', 'react-dom/client': 'preact/compat/client' };

// Pages that a test answers for come from nowhere, and may not ask this machine otherwise.
const LOCAL = '--disable-features=LocalNetworkAccessChecks';

export const launch = () =>
  chromium.launch({
    executablePath: process.env.CONFAB_CHROMIUM || '/usr/bin/chromium',
    headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', LOCAL],
  });

/** The page as one script, with React or with preact/compat. */
export async function bundle(library) {
  const { outputFiles } = await build({
    entryPoints: [app],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    jsxFactory: 'createElement',
    define: { 'process.env.NODE_ENV': '"production"' },
    alias: library === 'preact' ? PREACT : {},
  });
  return outputFiles[0].text;
}

/** The first example of the package's README as one script. */
export async function example() {
  const text = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
  const [, contents] = /```ts\n(.*?)```/s.exec(text);
  const index = fileURLToPath(new URL('../../dist/index.js', import.meta.url));
  const { outputFiles } = await build({
    stdin: { contents, loader: 'ts' },
    bundle: true,
    write: false,
    format: 'esm',
    alias: { '@confab/client': index },
  });
  return outputFiles[0].text;
}

/** A context whose pages below `/page` are this script. */
export async function contextOf(browser, script) {
  const context = await browser.newContext();
  context.setDefaultTimeout(20_000);
  await context.route('**/page', (route) =>
    route.fulfill({ contentType: 'text/html', body: '<!doctype html><div id="app"></div><script type="module" src="/page.js"></script>' }),
  );
  await context.route('**/page.js', (route) => route.fulfill({ contentType: 'text/javascript', body: script }));
  return context;
}

/** Opens the chat of whoever has the token. Its `faults` are errors that nobody caught. */
export async function openChat(context, origin, token) {
  const page = await context.newPage();
  const faults = [];
  const sent = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('websocket', (socket) =>
    socket.on('framesent', ({ payload }) => {
      const tempId = /"tempId":"([^"]+)"/.exec(String(payload))?.[1];
      if (tempId) sent.push(tempId);
    }),
  );
  await page.addInitScript(`window.TOKEN = ${JSON.stringify(token)}`);
  await page.goto(`${origin}/page`);
  return { page, faults, sent };
}
