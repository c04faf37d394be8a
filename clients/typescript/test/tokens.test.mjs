// Tokens that end, are refused, or are not there.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { client, online, texts, transport, watch } from './support/clients.mjs';
import { startServer } from './support/server.mjs';
import { until } from './support/wait.mjs';

let server;
before(async () => {
  server = await startServer();
});
after(() => server?.remove());

/** The same token without its signature. */
const forged = (token) => [...token.split('.').slice(0, 2), 'AAAA'].join('.');

/** Counts the connections that a transport opens. */
function counted() {
  const inner = transport();
  const it = { opened: 0, transport: { name: inner.name, open: (options) => ((it.opened += 1), inner.open(options)) } };
  return it;
}

test('a token that is about to end is followed by another one, and nothing is missed', async (t) => {
  let asked = 0;
  const connections = counted();
  const alice = client(t, server, 'Alice', { getToken: () => ((asked += 1), server.token('Alice', '6s')), transport: connections.transport });
  await online(alice);
  const messages = await watch(t, alice, '1');
  const before = messages.get().items.length;
  const wanted = [];
  while (asked < 4) {
    const content = `While tokens change ${wanted.length}`;
    wanted.push(content);
    await server.send('Bob', '1', content);
    await until(messages, (it) => it.items.length === before + wanted.length, 'the message');
  }
  assert.deepEqual(texts(messages).slice(before), wanted);
  assert.equal(connections.opened, 1, 'the open connection takes each');
});

test('a token that was refused is asked for again with it, and another one is taken', async (t) => {
  const refused = [];
  const good = server.token('Bob');
  const bob = client(t, server, 'Bob', { getToken: (request) => (refused.push(request.refused), request.refused ? good : forged(good)) });
  await online(bob);
  assert.deepEqual(refused, [null, forged(good)]);
});

test('without a token that is taken the client says so, until it is asked to try again', async (t) => {
  let token = 'nonsense';
  const alice = client(t, server, 'Alice', { getToken: () => token });
  const { error } = await until(alice.connection, (it) => it.status === 'refused', 'the refusal');
  assert.equal(error.code, 'UNAUTHENTICATED');
  await assert.rejects(() => alice.message('1'), (it) => it.code === 'UNAUTHENTICATED');
  const waiting = alice.send({ conversationId: '1', content: 'When I am let in' });
  token = null;
  alice.reconnect();
  await until(alice.connection, (it) => it.status === 'refused', 'the refusal without any');
  token = server.token('Alice');
  alice.reconnect();
  await online(alice);
  assert.equal((await waiting.sent).content, 'When I am let in');
});

test('where tokens cannot be got for a while, the connection ends with the last one and comes back with the next', async (t) => {
  let isAway = false;
  let asked = 0;
  const getToken = () => {
    asked += 1;
    if (isAway) throw new Error('The sign-in is away');
    return server.token('Alice', '3s');
  };
  const alice = client(t, server, 'Alice', { getToken });
  await online(alice);
  const messages = await watch(t, alice, '1');
  isAway = true;
  // The token's end, and 30 s of leeway.
  await until(alice.connection, (it) => it.status !== 'online', 'the end of the token', 45_000);
  assert.ok(asked > 1, 'another one was asked for in time');
  await server.send('Bob', '1', 'While nobody is let in');
  isAway = false;
  await online(alice, 40_000);
  await until(messages, (it) => it.items.at(-1).content === 'While nobody is let in', 'what was said meanwhile');
});

test('an upload whose token was refused is made with another one', async (t) => {
  const good = server.token('Alice');
  const asked = [];
  const getToken = ({ refused }) => (asked.push(refused), refused ? good : forged(good));
  const alice = client(t, server, 'Alice', { getToken });
  const file = await alice.upload(new File(['text'], 'a.txt', { type: 'text/plain' }));
  assert.equal(file.fileName, 'a.txt');
  assert.deepEqual(asked, [null, forged(good)]);
});

test('a token of another user is not taken for the same client', async (t) => {
  let name = 'Alice';
  const chat = client(t, server, 'Alice', { getToken: () => server.token(name, '6s') });
  await online(chat);
  name = 'Bob';
  await until(chat.connection, (it) => it.status === 'refused' || it.status === 'reconnecting', 'the refusal', 20_000);
  const { error } = await until(chat.connection, (it) => it.status === 'refused', 'the refusal', 20_000);
  assert.equal(error.code, 'FORBIDDEN');
  assert.equal(chat.me.get().name, 'Alice');
});
