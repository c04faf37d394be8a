// The npm client `@stomp/rx-stomp`: watches queues, publishes, and goes on watching after the server was killed.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { RxStomp } from '@stomp/rx-stomp';
import WebSocket from 'ws';
import { Inbox, within } from '../wait.mjs';
import { startServer } from './server.mjs';

const SockJS = createRequire(import.meta.url)('sockjs-client');

let server;
before(async () => {
  server = await startServer();
});
after(() => server?.remove());

const WAYS = {
  'a WebSocket': () => new WebSocket(`${server.origin.replace('http', 'ws')}/ws/chat`, ['v12.stomp']),
  SockJS: () => new SockJS(`${server.origin}/ws/chat`),
};

for (const [way, webSocketFactory] of Object.entries(WAYS)) {
  test(`rx-stomp over ${way}: hears everything once, also what was sent while it was away`, async (t) => {
    const heard = new Inbox('messages');
    const connections = new Inbox('connections');
    let cursor;
    const rx = new RxStomp();
    rx.configure({ connectHeaders: { Authorization: `Bearer ${server.token('Bob')}` }, reconnectDelay: 100, webSocketFactory });
    rx.connected$.subscribe(() => connections.put('connected'));
    // The headers are asked for with each connection: the subscription goes on behind the last message.
    const subHeaders = () => ({ receipt: 'listening', ...(cursor && { after: cursor }) });
    rx.watch({ destination: '/user/queue/chat/messages', subHeaders }).subscribe((message) => {
      cursor = message.headers.cursor;
      heard.put(JSON.parse(message.body));
    });
    const errors = new Inbox('errors');
    rx.watch('/user/queue/chat/errors').subscribe((message) => errors.put(JSON.parse(message.body)));
    t.after(() => rx.deactivate());
    rx.activate();
    await connections.take('the connection');
    await within(10_000, rx.asyncReceipt('listening'), 'the receipt of the subscription');

    await server.send('Alice', 1, 'First');
    assert.equal((await heard.take('the message')).content, 'First');
    const body = JSON.stringify({ conversationId: 1, content: 'Second' });
    rx.publish({ destination: '/app/chat.send', body });
    const { content, senderName } = await heard.take('the own message');
    assert.deepEqual([content, senderName], ['Second', 'Bob']);
    rx.publish({ destination: '/app/chat.send', body: '{"conversationId": 999999, "content": "x"}' });
    assert.equal((await errors.take('the refusal')).code, 'NOT_FOUND');

    await server.kill();
    await server.start();
    await server.send('Alice', 1, 'Third');
    await connections.take('the next connection', () => true, 30_000);
    assert.equal((await heard.take('what was sent meanwhile')).content, 'Third');
    await server.send('Alice', 1, 'Fourth');
    assert.equal((await heard.take('what is sent now')).content, 'Fourth');
    assert.deepEqual(heard.rest(), []);
  });
}
