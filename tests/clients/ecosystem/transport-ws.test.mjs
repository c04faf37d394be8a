// The npm client `subscriptions-transport-ws`, which is no longer kept up and still in use.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import transport from 'subscriptions-transport-ws';
import WebSocket from 'ws';
import { Inbox } from '../wait.mjs';
import { startServer } from './server.mjs';

let server;
before(async () => {
  server = await startServer();
});
after(() => server?.remove());

/** A client, and an inbox with what becomes of its connection. */
function clientOf(t, token, more = {}) {
  const inbox = new Inbox('connection');
  const client = new transport.SubscriptionClient(
    `${server.origin.replace('http', 'ws')}/graphql`,
    {
      connectionParams: { authToken: token },
      connectionCallback: (error) => inbox.put(error ? { refused: error } : { acknowledged: true }),
      ...more,
    },
    WebSocket,
  );
  client.onDisconnected(() => inbox.put({ disconnected: true }));
  client.onReconnected(() => inbox.put({ reconnected: true }));
  t.after(() => client.close(true));
  return { client, inbox };
}

const LISTEN = 'subscription ($after: String) { messages(conversationId: 1, after: $after) { content sender { name } } }';

test('subscriptions-transport-ws: asks, hears, and hears the rest after the server was killed', async (t) => {
  const { client, inbox } = clientOf(t, server.token('Bob'), { reconnect: true, minTimeout: 5_000 });
  const heard = new Inbox('messages');
  const request = (query, variables) =>
    new Promise((done, fail) => client.request({ query, variables }).subscribe({ next: done, error: fail }));
  const { data } = await request('{ me { name } sync { cursor } }');
  assert.equal(data.me.name, 'Bob');
  await inbox.take('the acknowledgement', (it) => it.acknowledged);

  client.request({ query: LISTEN, variables: { after: data.sync.cursor } }).subscribe({ next: (it) => heard.put(it), error: (it) => heard.put(it) });
  await server.send('Alice', 1, 'First');
  assert.deepEqual(await heard.take('a message'), { data: { messages: { content: 'First', sender: { name: 'Alice' } } } });
  const mutation = 'mutation { sendMessage(input: { conversationId: 1, content: "Second" }) { content } }';
  assert.equal((await request(mutation)).data.sendMessage.content, 'Second');
  assert.equal((await heard.take('the own message')).data.messages.content, 'Second');

  await server.kill();
  await inbox.take('the end of the connection', (it) => it.disconnected);
  await server.start();
  await server.send('Alice', 1, 'Third');
  await inbox.take('the next connection', (it) => it.reconnected, 30_000);
  // It repeats what it subscribed to, with the cursor of the beginning: all since comes again, and nothing is missing.
  const contents = [];
  while (contents.length < 3) contents.push((await heard.take('a message')).data.messages.content);
  assert.deepEqual(contents, ['First', 'Second', 'Third']);
});

test('subscriptions-transport-ws: a bad token is told as connection_error, and the client stops', async (t) => {
  const { client, inbox } = clientOf(t, 'not-a-token', { reconnect: false });
  const { refused } = await inbox.take('the refusal', (it) => it.refused);
  assert.equal(refused.extensions?.code ?? refused.code, 'UNAUTHENTICATED');
  assert.ok(refused.message);
  await inbox.take('the end of the connection', (it) => it.disconnected);
  assert.equal(client.status, WebSocket.CLOSED);
  assert.deepEqual(inbox.rest(), []);
});

test('subscriptions-transport-ws: a subscription that is refused tells why, and the connection stays', async (t) => {
  const { client } = clientOf(t, server.token('Bob'));
  const heard = new Inbox('answers');
  const listener = { next: (it) => heard.put(it), error: (it) => heard.put({ errors: it.errors ?? [it] }) };
  client.request({ query: 'subscription { messages(conversationId: 999999) { id } }' }).subscribe(listener);
  const { errors } = await heard.take('the refusal');
  assert.equal(errors[0].extensions?.code, 'NOT_FOUND');
  client.request({ query: '{ me { name } }' }).subscribe(listener);
  assert.deepEqual(await heard.take('an answer'), { data: { me: { name: 'Bob' } } });
});
