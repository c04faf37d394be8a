// The documentation's class in Chromium, over each transport of SockJS, from a page of the server's own origin and of another.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { launch, openPage } from '../browser.mjs';
import { send } from '../curl.mjs';
import { startServer } from '../server.mjs';
import { Inbox, within } from '../wait.mjs';
import { hear, program } from './chat-client.mjs';
import { HALVES, HEARD_OF_HALVES, TEXTS } from './texts.mjs';

const EVERYWHERE = ['websocket', 'xhr-streaming', 'xhr-polling', 'eventsource', 'iframe-eventsource', 'iframe-xhr-polling', 'iframe-htmlfile'];
// The client itself offers `htmlfile` only where page and server have one origin.
const TRANSPORTS = { same: [...EVERYWHERE, 'htmlfile'], other: EVERYWHERE };

const require = createRequire(import.meta.url);
const SCRIPTS = [require.resolve('sockjs-client/dist/sockjs.min.js'), require.resolve('stompjs/lib/stomp.min.js')];

let server;
let browser;
let pages;
let otherOrigin;

before(async () => {
  pages = createServer((_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end('<!doctype html><title>Another origin</title>');
  });
  pages.listen(0, '127.0.0.1');
  await once(pages, 'listening');
  otherOrigin = `http://127.0.0.1:${pages.address().port}`;
  server = await startServer({ 'cors.allowed_origins': otherOrigin });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  pages?.close();
  pages?.closeAllConnections();
  await server?.stop();
});

/** A page at that origin with both libraries. Of the server's own it is the greeting of the SockJS endpoint: a page for this it has not. */
async function load(page, origin) {
  await page.goto(origin === server.origin ? `${origin}/ws/chat` : `${origin}/`);
  for (const path of SCRIPTS) await page.addScriptTag({ path });
}

/** Such a page, in which the class runs, whatever the server allows the scripts of its own pages. */
async function open(origin, token, transport) {
  const it = await openPage(browser, [server.origin, origin], { bypassCSP: true });
  const inbox = new Inbox(`page over ${transport}`);
  await it.context.exposeBinding('tell', (_, kind, value) => inbox.put({ kind: kind.replace(/:$/, ''), value }));
  await load(it.page, origin);
  await it.page.evaluate(
    ([source, base, jwtToken, only]) => {
      function Here(path) {
        return new window.SockJS(base + path, null, { transports: [only], timeout: 10_000 });
      }
      const run = new Function('SockJS', 'Stomp', 'jwtToken', 'console', 'tell', source);
      window.handle = run(Here, window.Stomp, jwtToken, { log: window.tell }, window.tell);
    },
    [program, origin === server.origin ? '' : server.origin, token, transport],
  );
  return { ...it, inbox };
}

for (const [kind, transports] of Object.entries(TRANSPORTS)) {
  for (const transport of transports) {
    test(`the class works in Chromium over ${transport}, from ${kind === 'same' ? 'the same' : 'another'} origin`, async () => {
      const origin = kind === 'same' ? server.origin : otherOrigin;
      const { context, page, inbox, strangers, faults } = await open(origin, server.tokens.Alice, transport);
      assert.equal(await hear(inbox, 'connected'), transport);
      await within(10_000, page.evaluate(() => window.handle.settled()), 'the receipt');

      await page.evaluate(() => window.handle.lastLine());
      const own = await hear(inbox, 'New message', (it) => it.content === 'Hello, everyone!');
      assert.equal(own.senderName, 'Alice');

      // What a script, an HTML page, a stream or a JSON text might stumble over, both ways.
      for (const text of TEXTS) {
        const sent = await send(server, 'Bob', 1, text);
        assert.equal((await hear(inbox, 'New message', (it) => it.id === sent.id)).content, text);
        await page.evaluate((it) => window.handle.chat.sendMessage(1, it), text);
        await hear(inbox, 'New message', (it) => it.senderName === 'Alice' && it.content === text);
      }
      await page.evaluate((it) => window.handle.chat.stompClient.ws.send(it), HALVES);
      await hear(inbox, 'New message', (it) => it.content === HEARD_OF_HALVES);

      await page.evaluate(() => window.handle.chat.disconnect());
      assert.deepEqual(strangers, []);
      assert.deepEqual(faults, []);
      assert.ok(!inbox.rest().some((it) => it.kind === 'error'));
      await context.close();
    });
  }
}

test('a page of an origin that is not allowed cannot connect', async () => {
  const strict = await startServer({ 'cors.allowed_origins': 'https://chat.example' });
  try {
    // The demo lets pages of this machine in; to a browser this is one, too, and to the server it is not.
    const stranger = `http://stranger.localhost:${pages.address().port}`;
    const { context, page } = await openPage(browser, [stranger]);
    await load(page, stranger);
    const closed = page.evaluate(
      (address) =>
        new Promise((done) => {
          const socket = new window.SockJS(address);
          socket.onopen = () => done('open');
          socket.onclose = (event) => done(event.code);
        }),
      `${strict.origin}/ws/chat`,
    );
    assert.notEqual(await within(20_000, closed, 'the refusal'), 'open');
    await context.close();
  } finally {
    await strict.stop();
  }
});
