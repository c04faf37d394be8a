// The page of the README chats: two people, two windows, from a page of another origin.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { launch, openPage } from '../browser.mjs';
import { startServer } from '../server.mjs';

const README = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
const PAGE = README.match(/```html\n([\s\S]*?)```/)[1];

let server;
let browser;
let pages;

before(async () => {
  server = await startServer({ 'cors.allowed_origins': '*' });
  browser = await launch();
  const html = PAGE.replace('ws://localhost:1337', server.origin.replace('http', 'ws'));
  pages = createServer((_, response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end(html));
  pages.listen(0, '127.0.0.1');
  await once(pages, 'listening');
});
after(async () => {
  await browser?.close();
  pages?.close();
  pages?.closeAllConnections();
  await server?.stop();
});

test('two people chat with the page of the README', async () => {
  const origin = `http://127.0.0.1:${pages.address().port}`;
  const windows = [];
  for (const name of ['Alice', 'Bob']) {
    const { page } = await openPage(browser, [server.origin, origin]);
    await page.goto(`${origin}/?token=${server.tokens[name]}`);
    windows.push(page);
  }
  const [alice, bob] = windows;
  const says = async (page, text) => {
    await page.fill('input', text);
    await page.click('button');
  };
  const hears = (page, line) => page.waitForFunction((it) => document.querySelector('#log').textContent.includes(it), line);
  await says(alice, 'Hello from the page');
  await Promise.all(windows.map((page) => hears(page, 'Alice: Hello from the page')));
  await says(bob, 'Hello back 👋');
  await Promise.all(windows.map((page) => hears(page, 'Bob: Hello back 👋')));
  assert.equal(await alice.inputValue('input'), '');
});
