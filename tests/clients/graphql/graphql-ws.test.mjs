// The npm client `graphql-ws` over graphql-transport-ws.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { send } from '../curl.mjs';
import { startServer } from '../server.mjs';
import { wrongTokens } from '../tokens.mjs';
import { Inbox, within } from '../wait.mjs';

const LISTEN = 'subscription { messages(conversationId: 1) { id content senderName } }';

let server;
before(async () => {
  server = await startServer();
});
after(() => server?.stop());

const address = (query = '') => server.origin.replace('http', 'ws') + '/graphql' + query;

function clientWith(connectionParams, query) {
  return createClient({ url: address(query), webSocketImpl: WebSocket, connectionParams, retryAttempts: 0, lazyCloseTimeout: 0 });
}

/** Subscribes, and resolves once the server has answered a later request of the same socket. */
async function listen(client, query = LISTEN) {
  const inbox = new Inbox('messages');
  client.subscribe(
    { query },
    {
      next: (result) => inbox.put(result),
      error: (error) => inbox.put({ ended: error }),
      complete: () => inbox.put({ ended: 'complete' }),
    },
  );
  const results = client.iterate({ query: '{ me { id name } }' });
  const { value } = await within(10_000, results.next(), 'the answer to a query over the socket');
  assert.equal(value.errors, undefined);
  return { inbox, me: value.data.me };
}

test('a message that Alice sends by curl reaches Bob, who subscribed', async () => {
  const client = clientWith({ Authorization: `Bearer ${server.tokens.Bob}` });
  const { inbox, me } = await listen(client);
  assert.deepEqual(me, { id: '2', name: 'Bob' });

  const content = 'To the socket: 1 < 2 && "x" 👍🏽';
  const sent = await send(server, 'Alice', 1, content);
  const result = await inbox.take('the message');
  assert.deepEqual(result, { data: { messages: { id: String(sent.id), content, senderName: 'Alice' } } });
  await client.dispose();
});

test('messages arrive once and in the order of their ids', async () => {
  const client = clientWith({ Authorization: `Bearer ${server.tokens.Bob}` });
  const { inbox } = await listen(client);
  const sent = await Promise.all(Array.from({ length: 20 }, (_, n) => send(server, 'Alice', 1, `Number ${n}`)));
  const heard = [];
  while (heard.length < sent.length) heard.push(Number((await inbox.take('a message')).data.messages.id));
  assert.deepEqual(
    heard,
    sent.map((it) => it.id).sort((a, b) => a - b),
  );
  assert.deepEqual(inbox.rest(), []);
  await client.dispose();
});

test('the token may stand without Bearer, in lower case, or in the address', async () => {
  const token = server.tokens.Carol;
  for (const [parameters, query] of [
    [{ Authorization: token }, ''],
    [{ authorization: `Bearer ${token}` }, ''],
    [undefined, `?token=${token}`],
  ]) {
    const client = clientWith(parameters, query);
    const { me } = await listen(client);
    assert.equal(me.name, 'Carol');
    await client.dispose();
  }
});

test('a subscription that is refused ends with a list of errors, and the socket stays', async () => {
  const stranger = clientWith({ Authorization: `Bearer ${server.tokens.Bob}` });
  const refusals = new Inbox('refusals');
  for (const [query, code] of [
    ['subscription { messages(conversationId: 999999) { id } }', 'NOT_FOUND'],
    ['subscription { nonsense }', 'BAD_REQUEST'],
  ]) {
    stranger.subscribe({ query }, { next: (it) => refusals.put(it.errors), error: (it) => refusals.put(it), complete() {} });
    const errors = await refusals.take(`the refusal of ${query}`);
    assert.ok(Array.isArray(errors), `a list of errors, not ${errors}`);
    assert.equal(errors[0].extensions?.code, code);
  }
  await stranger.dispose();
});

test('wrong tokens close the socket with 4403', async (t) => {
  for (const [kind, token] of Object.entries(wrongTokens(server.tokens.Bob))) {
    await t.test(kind, async () => {
      const client = clientWith(token === undefined ? undefined : { Authorization: `Bearer ${token}` });
      const outcome = new Promise((done) => {
        client.subscribe({ query: LISTEN }, { next: done, error: done, complete: () => done('complete') });
      });
      const closed = await within(10_000, outcome, 'the end of the socket');
      assert.equal(closed?.code, 4403, `closed with 4403, not ${JSON.stringify(closed)}`);
    });
  }
});

test('subscribing before the acknowledgement closes the socket with 4401', async () => {
  const socket = new WebSocket(address(), 'graphql-transport-ws');
  const closed = new Promise((done, fail) => {
    socket.once('close', done);
    socket.once('error', fail);
  });
  socket.once('open', () => socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: LISTEN } })));
  assert.equal(await within(10_000, closed, 'the end of the socket'), 4401);
});
