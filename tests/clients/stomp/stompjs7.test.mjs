// The npm client `@stomp/stompjs` 7, over plain WebSocket and over SockJS.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { Client } from '@stomp/stompjs';
import WebSocket from 'ws';
import { send } from '../curl.mjs';
import { startServer } from '../server.mjs';
import { Inbox, within } from '../wait.mjs';

const SockJS = createRequire(import.meta.url)('sockjs-client');

let server;
before(async () => {
  server = await startServer();
});
after(() => server?.stop());

const plain = (path) => (protocols) => new WebSocket(server.origin.replace('http', 'ws') + path, protocols);
const sockjs = (transport) => () => new SockJS(`${server.origin}/ws/chat`, null, { transports: [transport], timeout: 10_000 });
const WAYS = {
  'a WebSocket to /ws/chat': plain('/ws/chat'),
  'a WebSocket to /ws/chat/websocket': plain('/ws/chat/websocket'),
  'SockJS websocket': sockjs('websocket'),
  'SockJS xhr-streaming': sockjs('xhr-streaming'),
  'SockJS xhr-polling': sockjs('xhr-polling'),
};

/** A client, and an inbox with what becomes of it. It gives up instead of connecting again. */
function clientOver(open, connectHeaders) {
  const inbox = new Inbox('stompjs');
  const client = new Client({
    connectHeaders,
    reconnectDelay: 0,
    webSocketFactory: () => open(client.stompVersions.protocolVersions()),
    onConnect: (frame) => inbox.put({ connected: frame.headers }),
    onStompError: (frame) => inbox.put({ error: frame.headers }),
    onWebSocketClose: (event) => inbox.put({ closed: event.code }),
  });
  client.activate();
  return { client, inbox };
}

let receipts = 0;

/** Does something with a receipt, and resolves once it has come. */
function confirmed(client, act) {
  const receipt = `receipt-${++receipts}`;
  const arrival = new Promise((done) => client.watchForReceipt(receipt, done));
  act(receipt);
  return within(10_000, arrival, `the receipt ${receipt}`);
}

for (const [way, open] of Object.entries(WAYS)) {
  test(`connects, subscribes, sends with a receipt, hears and disconnects over ${way}`, async () => {
    const { client, inbox } = clientOver(open, { Authorization: `Bearer ${server.tokens.Bob}` });
    const { connected } = await inbox.take('CONNECTED', (it) => it.connected);
    assert.equal(connected.version, '1.2');
    assert.equal(connected['heart-beat'], '10000,10000');

    for (const queue of ['messages', 'errors']) {
      await confirmed(client, (receipt) =>
        client.subscribe(`/user/queue/chat/${queue}`, (it) => inbox.put({ [queue]: JSON.parse(it.body), headers: it.headers }), { receipt }),
      );
    }

    await confirmed(client, (receipt) =>
      client.publish({
        destination: '/app/chat.send',
        headers: { receipt },
        body: JSON.stringify({ conversationId: 1, content: `Over ${way} 👍🏽`, messageType: 'TEXT', tempId: `temp ${way}` }),
      }),
    );
    const own = await inbox.take('the message', (it) => it.messages);
    assert.equal(own.messages.content, `Over ${way} 👍🏽`);
    assert.equal(own.messages.senderName, 'Bob');
    assert.equal(own.messages.tempId, `temp ${way}`);
    assert.equal(own.headers.destination, '/user/queue/chat/messages');
    assert.match(own.headers['content-type'], /^application\/json/);

    const sent = await send(server, 'Alice', 1, 'From curl');
    const heard = await inbox.take('the message by curl', (it) => it.messages);
    assert.equal(heard.messages.id, sent.id);
    assert.ok(!('tempId' in heard.messages));

    // What is refused is told on the errors queue, and its receipt comes all the same.
    await confirmed(client, (receipt) =>
      client.publish({ destination: '/app/chat.send', headers: { receipt }, body: '{"conversationId": 999999, "content": "x"}' }),
    );
    const { errors } = await inbox.take('the error', (it) => it.errors);
    assert.equal(errors.error, 'Failed to send message: Conversation not found');
    assert.equal(errors.code, 'NOT_FOUND');

    await within(10_000, client.deactivate(), 'the end of the connection');
    assert.ok(!inbox.rest().some((it) => it.error));
  });

  test(`a wrong token is answered with ERROR and the end over ${way}`, async () => {
    const { client, inbox } = clientOver(open, { Authorization: 'Bearer not-a-token' });
    assert.ok((await inbox.take('ERROR', (it) => it.error)).error.message);
    await inbox.take('the end of the connection', (it) => it.closed !== undefined);
    await client.deactivate();
  });
}

test('a token in the address is enough', async () => {
  const query = `?token=${server.tokens.Carol}`;
  for (const open of [
    plain(`/ws/chat${query}`),
    plain(`/ws/chat/websocket${query}`),
    ...['websocket', 'xhr-streaming', 'xhr-polling'].map(
      (transport) => () => new SockJS(`${server.origin}/ws/chat${query}`, null, { transports: [transport], timeout: 10_000 }),
    ),
  ]) {
    const { client, inbox } = clientOver(open);
    await inbox.take('CONNECTED', (it) => it.connected);
    await within(10_000, client.deactivate(), 'the end of the connection');
  }
});
