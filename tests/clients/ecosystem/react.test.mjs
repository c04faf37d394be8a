// The recipe of React and @confab/client, as it stands in docs/clients/react, in Chromium.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { dirname } from 'node:path';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { launch, openPage } from '../browser.mjs';
import { startServer } from './server.mjs';

const requireHere = createRequire(import.meta.url);
const place = (path) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const folderOf = (name) => dirname(requireHere.resolve(`${name}/package.json`));

let server;
let browser;
let pages;
before(async () => {
  [server, browser] = await Promise.all([startServer({ 'cors.allowed_origins': '*' }), launch()]);
  const { outputFiles } = await build({
    entryPoints: [place('docs/clients/react/chat.jsx')],
    bundle: true,
    write: false,
    format: 'esm',
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"production"' },
    alias: {
      '@confab/client/react': place('clients/typescript/src/react.ts'),
      '@confab/client': place('clients/typescript/src/index.ts'),
      react: folderOf('react'),
      'react-dom': folderOf('react-dom'),
    },
  });
  const confab = JSON.stringify({ url: server.origin, token: server.token('Bob') });
  const html = `<!doctype html><div id="chat"></div><script>window.confab = ${confab}</script><script type="module" src="chat.js"></script>`;
  pages = createServer((request, response) => {
    const script = request.url === '/chat.js';
    response.setHeader('Content-Type', script ? 'text/javascript' : 'text/html');
    response.end(script ? outputFiles[0].text : html);
  });
  await new Promise((done) => pages.listen(0, '127.0.0.1', done));
});
after(async () => {
  await browser?.close();
  pages?.close();
  await server?.remove();
});

test('the recipe react: lists, sends, hears, and misses nothing while the server is killed', async () => {
  const origin = `http://127.0.0.1:${pages.address().port}`;
  const { page, faults, strangers } = await openPage(browser, [origin, server.origin]);
  page.setDefaultTimeout(20_000);
  await page.goto(origin);
  await page.getByRole('button', { name: 'Project Team' }).waitFor();
  const shown = (text) => page.locator('li.sent', { hasText: text }).waitFor();
  const type = async (text) => {
    await page.fill('input', text);
    await page.press('input', 'Enter');
  };
  await server.send('Alice', 1, 'Is it heard?');
  await shown('Alice: Is it heard?');
  await type('It is "heard" 👍🏽');
  await shown('Bob: It is "heard" 👍🏽');

  await server.kill();
  await page.getByRole('status').waitFor();
  await type('Typed while it is away');
  await server.start();
  await server.send('Alice', 1, 'Said while the page is away');
  await shown('Alice: Said while the page is away');
  await shown('Bob: Typed while it is away');
  await page.getByRole('status').waitFor({ state: 'detached' });

  const stored = (await server.stored('Alice', 1)).slice(-4).map((it) => `${it.senderName}: ${it.content}`);
  assert.deepEqual((await page.locator('li').allTextContents()).slice(-4), stored);
  assert.deepEqual([faults, strangers], [[], []]);
});
