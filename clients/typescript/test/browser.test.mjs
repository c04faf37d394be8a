// The client in Chromium: hooks, reloads, tabs, sleep, uploads.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { bundle, contextOf, example, launch, openChat } from './support/browser.mjs';
import { client, online, watch } from './support/clients.mjs';
import { startProxy } from './support/proxy.mjs';
import { startServer } from './support/server.mjs';
import { until } from './support/wait.mjs';

let server;
let browser;
let script;
before(async () => {
  [server, browser, script] = await Promise.all([startServer(), launch(), bundle('react')]);
});
after(async () => {
  await browser?.close();
  await server?.remove();
});

async function opened(t, code = script) {
  const context = await contextOf(browser, code);
  t.after(() => context.close());
  return context;
}

async function proxied(t) {
  const proxy = await startProxy(server.port);
  t.after(() => proxy.stop());
  return proxy;
}

async function group(name) {
  const { id } = await server.rest('Alice', 'POST', '/api/chat/conversations', { name: name.slice(0, 60), participantIds: [2, 3] });
  return String(id);
}

const contents = async (id) => (await server.stored('Alice', id)).map((it) => it.content);
const say = (page, conversationId, content) => page.evaluate((it) => void window.chat.send(it), { conversationId, content });
/** A page is gone for others a moment after it was closed; they look when they connect, and with each ping. */
async function takesOver(page, text) {
  await page.evaluate(async () => {
    while ((await navigator.locks.query()).held.length > 1) await new Promise((done) => setTimeout(done, 20));
  });
  await page.evaluate(() => window.chat.reconnect());
  await page.waitForSelector(`li[data-state="sent"]:has-text("${text}")`, { timeout: 40_000 });
}

const status = (page, wanted, options) => page.waitForSelector(`header[data-status="${wanted}"]`, { state: 'attached', ...options });

for (const library of ['react', 'preact']) {
  test(`a page of ${library} shows conversations and messages, and what happens in them`, async (t) => {
    const id = await group(`With ${library}`);
    const bob = client(t, server, 'Bob');
    await online(bob);
    const his = await watch(t, bob, id);
    const context = await opened(t, await bundle(library));
    const { page, faults } = await openChat(context, server.origin, server.token('Alice'));
    await page.click(`nav button[data-id="${id}"]`);
    await page.waitForSelector('main[data-loaded="true"]');
    assert.equal(await page.textContent('h1'), `With ${library}`);
    await page.waitForSelector('header[data-bob="ONLINE"]', { state: 'attached' });

    await page.fill('input[name=text]', 'From the page');
    await until(bob.typing(id), (it) => it[0]?.userName === 'Alice', 'Alice to type');
    await page.press('input[name=text]', 'Enter');
    await until(his, (it) => it.items.at(-1)?.content === 'From the page', 'the message');
    await page.waitForSelector('li[data-state="sent"]');

    bob.setTyping(id, true);
    await page.waitForFunction(() => document.querySelector('#typing').textContent === 'Bob');
    await bob.send({ conversationId: id, content: 'From Bob' }).sent;
    await page.waitForSelector('li:has-text("From Bob")');
    await page.waitForFunction(() => document.querySelector('#typing').textContent === '');
    await page.waitForSelector(`nav button[data-id="${id}"][data-unread="1"]`);
    await page.evaluate((it) => window.chat.markRead(it), id);
    await page.waitForSelector(`nav button[data-id="${id}"][data-unread="0"]`);
    bob.markRead(id);
    await page.waitForSelector('main[data-markers="1"]');
    await page.waitForSelector('aside:has-text("Welcome")', { state: 'attached' });
    assert.deepEqual(faults, []);
  });
}

test('the example of the README is a chat', async (t) => {
  const context = await opened(t, await example());
  const token = server.token('Alice');
  await context.route('**/chat-token', (route) => route.fulfill({ contentType: 'text/plain', body: token }));
  const { page, faults } = await openChat(context, server.origin, token);
  await page.waitForFunction(() => document.body.innerText.includes('Bob: Friday works for me'));
  page.once('dialog', (dialog) => dialog.accept('Said by the example'));
  await page.click('body');
  await page.waitForFunction(() => document.body.innerText.includes('Alice: Said by the example'));
  assert.deepEqual(faults, []);
  assert.equal((await contents('1')).at(-1), 'Said by the example');
});

test('a page that is loaded anew goes on with what waits in the outbox', async (t) => {
  const id = await group(t.name);
  const proxy = await proxied(t);
  const context = await opened(t);
  const { page, faults } = await openChat(context, proxy.origin, server.token('Alice'));
  await status(page, 'online');
  await say(page, id, 'one');
  await page.waitForSelector('header[data-waiting="0"]', { state: 'attached' });
  proxy.freeze();
  for (const content of ['two', 'three', 'four']) await say(page, id, content);
  await page.waitForSelector('header[data-waiting="3"]', { state: 'attached' });
  await page.reload();
  assert.deepEqual(await contents(id), ['one']);
  proxy.thaw();
  await page.reload();
  await status(page, 'online');
  await page.click(`nav button[data-id="${id}"]`);
  await page.waitForFunction(() => document.querySelectorAll('li[data-state="sent"]').length === 4);
  await page.waitForSelector('header[data-waiting="0"]', { state: 'attached' });
  assert.deepEqual(await contents(id), ['one', 'two', 'three', 'four']);
  assert.equal(await page.evaluate(() => localStorage.length), 0);
  assert.deepEqual(faults, []);
});

test('of two tabs each sends what is its own, and one takes over what the other leaves', async (t) => {
  const id = await group(t.name);
  const proxy = await proxied(t);
  const context = await opened(t);
  const one = await openChat(context, proxy.origin, server.token('Alice'));
  const other = await openChat(context, proxy.origin, server.token('Alice'));
  await Promise.all([status(one.page, 'online'), status(other.page, 'online')]);
  await one.page.click(`nav button[data-id="${id}"]`);
  await other.page.click(`nav button[data-id="${id}"]`);

  await proxy.close();
  await Promise.all([status(one.page, 'reconnecting'), status(other.page, 'reconnecting')]);
  for (const content of ['a1', 'a2', 'a3']) await say(one.page, id, content);
  await say(other.page, id, 'b1');
  assert.equal(await other.page.evaluate(() => window.chat.outbox.get().length), 1);
  await proxy.reopen();
  for (const { page } of [one, other]) await page.evaluate(() => window.chat.reconnect());
  for (const { page } of [one, other]) await page.waitForFunction(() => document.querySelectorAll('li[data-state="sent"]').length === 4);
  assert.equal(new Set([...one.sent, ...other.sent]).size, 4);
  assert.equal(one.sent.length + other.sent.length, 4, 'each was sent by one tab, once');

  // Now one of them is closed before it is there again.
  await proxy.close();
  await Promise.all([status(one.page, 'reconnecting'), status(other.page, 'reconnecting')]);
  await say(one.page, id, 'left behind');
  await one.page.close();
  await proxy.reopen();
  await takesOver(other.page, 'left behind');
  const stored = await contents(id);
  assert.deepEqual(stored.filter((it) => it.startsWith('a')), ['a1', 'a2', 'a3']);
  assert.deepEqual(stored.toSorted?.() ?? [...stored].sort(), ['a1', 'a2', 'a3', 'b1', 'left behind']);
});

test('what a tab leaves is sent by one that stays connected', async (t) => {
  const id = await group(t.name);
  const proxy = await proxied(t);
  const context = await opened(t);
  const one = await openChat(context, proxy.origin, server.token('Alice'));
  await status(one.page, 'online');
  proxy.freeze();
  await say(one.page, id, 'left behind');
  proxy.thaw();
  const other = await openChat(context, proxy.origin, server.token('Alice'));
  await status(other.page, 'online');
  await other.page.click(`nav button[data-id="${id}"]`);
  await other.page.waitForSelector('main[data-loaded="true"]');
  assert.deepEqual(await contents(id), [], 'it is the business of its tab, as long as that is there');
  await one.page.close();
  await takesOver(other.page, 'left behind');
  assert.deepEqual(await contents(id), ['left behind']);
});

test('a machine that slept finds out at once that its connection is dead', async (t) => {
  const id = await group(t.name);
  const proxy = await proxied(t);
  const context = await opened(t);
  await context.clock.install();
  const { page } = await openChat(context, proxy.origin, server.token('Alice'));
  await status(page, 'online');
  await page.click(`nav button[data-id="${id}"]`);
  await page.waitForSelector('main[data-loaded="true"]');
  proxy.freeze();
  await server.send('Bob', id, 'While you slept');
  await page.clock.fastForward('02:00:00');
  await status(page, 'reconnecting', { timeout: 8_000 });
  proxy.thaw();
  await page.waitForSelector('li:has-text("While you slept")');
  await status(page, 'online');
});

test('a page whose network goes and comes says so, and is back at once', async (t) => {
  const id = await group(t.name);
  const proxy = await proxied(t);
  const context = await opened(t);
  const { page } = await openChat(context, proxy.origin, server.token('Alice'));
  await status(page, 'online');
  await page.click(`nav button[data-id="${id}"]`);
  await page.waitForSelector('main[data-loaded="true"]');
  proxy.freeze();
  await context.setOffline(true);
  await status(page, 'offline', { timeout: 8_000 });
  await say(page, id, 'Written offline');
  await server.send('Bob', id, 'Said meanwhile');
  proxy.thaw();
  await context.setOffline(false);
  await status(page, 'online', { timeout: 5_000 });
  await page.waitForFunction(() => document.querySelectorAll('li[data-state="sent"]').length === 2);
  assert.deepEqual(await contents(id), ['Said meanwhile', 'Written offline']);
});

test('an upload tells how far it is, and can be given up', async (t) => {
  const context = await opened(t);
  const { page } = await openChat(context, server.origin, server.token('Alice'));
  await status(page, 'online');
  const { file, steps } = await page.evaluate(async () => {
    const steps = [];
    const bytes = new Uint8Array(2 * 1024 * 1024).fill(7);
    const file = await window.chat.upload(new File([bytes], 'large.bin'), { onProgress: (it) => steps.push(it) });
    return { file, steps };
  });
  assert.equal(file.size, 2 * 1024 * 1024);
  assert.deepEqual(steps.at(-1), { loaded: file.size, total: file.size });
  assert.ok(steps.every((it, n) => n === 0 || it.loaded >= steps[n - 1].loaded));
  const refusals = await page.evaluate(async () => {
    const given = new AbortController();
    const bytes = new Uint8Array(16 * 1024 * 1024);
    const up = window.chat.upload(new File([bytes], 'given-up.bin'), { signal: given.signal, onProgress: () => given.abort() });
    const codes = [await up.then(() => 'sent', (error) => error.code)];
    const tooLarge = new File([new Uint8Array(26 * 1024 * 1024)], 'too-large.bin');
    codes.push(await window.chat.upload(tooLarge).then(() => 'sent', (error) => error.code));
    return codes;
  });
  assert.deepEqual(refusals, ['ABORTED', 'PAYLOAD_TOO_LARGE']);
});
