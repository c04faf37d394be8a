// The references as the usual validators see them, and as Chromium shows them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import SwaggerParser from '@apidevtools/swagger-parser';
import { Parser } from '@asyncapi/parser';
import { launch, openPage } from '../browser.mjs';
import { startServer } from '../server.mjs';

const METHODS = ['get', 'post', 'put', 'delete'];

let server;
let browser;
before(async () => {
  server = await startServer();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

const read = async (name) => (await fetch(`${server.origin}/api/${name}`)).json();

test('the reference of REST is OpenAPI 3.1', async () => {
  const document = await SwaggerParser.validate(await read('openapi.json'));
  assert.match(document.openapi, /^3\.1\./);
});

test('the reference of STOMP is AsyncAPI 3', async () => {
  const { document, diagnostics } = await new Parser().parse(await read('asyncapi.json'));
  const faults = diagnostics.filter((it) => it.severity === 0);
  assert.deepEqual(faults.map((it) => `${it.path.join('.')}: ${it.message}`), []);
  assert.equal(document.version(), '3.0.0');
  assert.ok(document.channels().all().some((channel) => channel.address() === '/app/chat.send'));
});

test('the page shows both to people, and tries an endpoint with a token', async () => {
  browser = await launch();
  const { page, strangers, faults } = await openPage(browser, [server.origin]);
  await page.goto(`${server.origin}/api/docs`);
  await page.getByRole('heading', { name: 'STOMP' }).first().waitFor();
  const rest = await read('openapi.json');
  const names = Object.values(rest.paths).flatMap((item) => METHODS.flatMap((method) => item[method]?.operationId ?? []));
  const stomp = await read('asyncapi.json');
  assert.equal(await page.locator('article').count(), names.length + Object.keys(stomp.channels).length);

  await page.getByLabel('Token').fill(server.tokens.Alice);
  const shown = page.locator('#listMessages');
  await shown.getByText('Try it').click();
  await shown.getByRole('button', { name: 'GET' }).click();
  await shown.locator('pre', { hasText: '"success": true' }).waitFor();
  const sent = page.locator('#sendMessage');
  await sent.getByText('Try it').click();
  await sent.getByLabel('Body').fill('{"content": "From the reference"}');
  await sent.getByRole('button', { name: 'POST' }).click();
  await sent.locator('pre', { hasText: '201' }).waitFor();

  await page.getByLabel('Find').fill('typing');
  await page.locator('#getUnread').waitFor({ state: 'hidden' });
  await page.locator('article', { hasText: '/app/chat.typing' }).waitFor();
  if (process.env.CONFAB_SCREENSHOTS) {
    await page.getByLabel('Find').fill('');
    await page.evaluate(() => scrollTo(0, 0));
    await page.screenshot({ path: `${process.env.CONFAB_SCREENSHOTS}/docs.png` });
    await sent.scrollIntoViewIfNeeded();
    await page.screenshot({ path: `${process.env.CONFAB_SCREENSHOTS}/docs-send.png` });
    await page.locator('article', { hasText: '/user/queue/chat/messages' }).scrollIntoViewIfNeeded();
    await page.screenshot({ path: `${process.env.CONFAB_SCREENSHOTS}/docs-stomp.png` });
  }
  assert.deepEqual({ strangers, faults }, { strangers: [], faults: [] });
});
