// The npm client `webstomp-client`, over plain WebSocket and over SockJS.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import WebSocket from 'ws';
import { startServer } from '../server.mjs';
import { Inbox } from '../wait.mjs';

const require = createRequire(import.meta.url);
const SockJS = require('sockjs-client');
const webstomp = require('webstomp-client');

let server;
before(async () => {
  server = await startServer();
});
after(() => server?.stop());

const WAYS = {
  'a WebSocket to /ws/chat': () => new WebSocket(server.origin.replace('http', 'ws') + '/ws/chat', ['v12.stomp', 'v11.stomp', 'v10.stomp']),
  'a WebSocket to /ws/chat/websocket': () => new WebSocket(server.origin.replace('http', 'ws') + '/ws/chat/websocket', ['v12.stomp']),
  SockJS: () => new SockJS(`${server.origin}/ws/chat`, null, { timeout: 10_000 }),
};

for (const [way, open] of Object.entries(WAYS)) {
  test(`connects, subscribes, sends with a receipt, hears and disconnects over ${way}`, async () => {
    const inbox = new Inbox('webstomp');
    const socket = open();
    const client = webstomp.over(socket, { debug: false });
    client.onreceipt = (frame) => inbox.put({ receipt: frame.headers['receipt-id'] });
    client.connect(
      { Authorization: `Bearer ${server.tokens.Bob}` },
      (frame) => inbox.put({ connected: frame.headers }),
      (error) => inbox.put({ error: error.command ?? error.code }),
    );
    await inbox.take('CONNECTED', (it) => it.connected);

    client.subscribe('/user/queue/chat/messages', (it) => inbox.put({ message: JSON.parse(it.body) }), { receipt: 'subscribed' });
    await inbox.take('the receipt', (it) => it.receipt === 'subscribed');
    client.send('/app/chat.send', JSON.stringify({ conversationId: 1, content: `Over ${way} 👍🏽` }), { receipt: 'sent' });
    const { message } = await inbox.take('the message', (it) => it.message);
    assert.equal(message.content, `Over ${way} 👍🏽`);
    await inbox.take('the receipt', (it) => it.receipt === 'sent');

    assert.ok(!inbox.rest().some((it) => it.error));
    client.disconnect(() => inbox.put({ disconnected: true }));
    await inbox.take('the end', (it) => it.disconnected);
  });
}
