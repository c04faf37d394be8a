// What waits outlives pages, keeps its order, and says why it was refused.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { client, MemoryStorage, online, texts, watch } from './support/clients.mjs';
import { startServer } from './support/server.mjs';
import { startProxy } from './support/proxy.mjs';
import { until } from './support/wait.mjs';

let server;
before(async () => {
  server = await startServer();
});
after(() => server?.remove());

async function group(name) {
  const { id } = await server.rest('Alice', 'POST', '/api/chat/conversations', { name: name.slice(0, 60), participantIds: [2, 3] });
  return String(id);
}

test('what waited when a page ended is sent by the next one, once and in order', async (t) => {
  const id = await group(t.name);
  const proxy = await startProxy(server.port);
  t.after(() => proxy.stop());
  const storage = new MemoryStorage();
  const page = client(t, server, 'Alice', { url: proxy.origin, storage });
  await online(page);
  await page.send({ conversationId: id, content: 'zero' }).sent;
  assert.equal(storage.length, 0, 'what is sent is not kept');
  // What goes out now arrives, and nobody hears that it did.
  proxy.freeze();
  const all = ['one', 'two', 'three', 'four'];
  for (const content of all) page.send({ conversationId: id, content, metadata: { content } });
  assert.equal(storage.length, 4);
  page.close();
  await server.rest('Alice', 'POST', `/api/chat/conversations/${id}/messages`, { content: 'one', metadata: { content: 'one' }, tempId: JSON.parse(storage.getItem(storage.key(0))).tempId });

  const next = client(t, server, 'Alice', { storage });
  const messages = next.messages(id);
  t.after(messages.subscribe(() => {}));
  await until(messages, (it) => it.items.length === 5 && it.items.every((one) => one.state === 'sent'), 'all of them to be sent');
  assert.deepEqual(texts(messages), ['zero', ...all]);
  assert.deepEqual((await server.stored('Bob', id)).map((it) => it.content), ['zero', ...all]);
  assert.equal(storage.length, 0);
});

test('nothing of one user is sent by another who has the same storage', async (t) => {
  const id = await group(t.name);
  const storage = new MemoryStorage();
  const proxy = await startProxy(server.port);
  t.after(() => proxy.stop());
  const alice = client(t, server, 'Alice', { url: proxy.origin, storage });
  await online(alice);
  proxy.freeze();
  alice.send({ conversationId: id, content: 'Of Alice' });
  alice.close();
  const bob = client(t, server, 'Bob', { storage });
  await online(bob);
  await bob.send({ conversationId: id, content: 'Of Bob' }).sent;
  assert.deepEqual((await server.stored('Bob', id)).map((it) => it.content), ['Of Bob']);
  assert.equal(storage.length, 1);
});

test('a refused message stays with its reason, does not stop those behind it, and can be sent again or discarded', async (t) => {
  const id = await group(t.name);
  const alice = client(t, server, 'Alice');
  await online(alice);
  const messages = await watch(t, alice, id);
  const refused = alice.send({ conversationId: id, content: 'x'.repeat(10_001) });
  const behind = alice.send({ conversationId: id, content: 'Behind it' });
  await behind.sent;
  await assert.rejects(refused.sent, (error) => error.code === 'BAD_REQUEST' && /10,?000/.test(error.message));
  const failed = messages.get().items.find((it) => it.key === refused.tempId);
  assert.deepEqual([failed.state, failed.error.code], ['failed', 'BAD_REQUEST']);
  assert.match(failed.error.message, /10,?000/);
  assert.equal(alice.outbox.get().length, 1);

  alice.retry(refused.tempId);
  await until(messages, (it) => it.items.find((one) => one.key === refused.tempId).state === 'sending', 'the second attempt');
  await until(messages, (it) => it.items.find((one) => one.key === refused.tempId).state === 'failed', 'the second refusal');
  alice.discard(refused.tempId);
  assert.deepEqual(texts(messages), ['Behind it']);
  assert.equal(alice.outbox.get().length, 0);
});

test('what is refused for a reason that passes is sent when it has passed', async (t) => {
  const id = await group(t.name);
  const alice = client(t, server, 'Alice');
  await online(alice);
  const messages = await watch(t, alice, id);
  await server.rest('Alice', 'PUT', `/api/chat/conversations/${id}`, { allowReplies: false });
  const { id: parentMessageId } = await alice.send({ conversationId: id, content: 'No replies, please' }).sent;
  const reply = alice.send({ conversationId: id, content: 'A reply', parentMessageId });
  await assert.rejects(reply.sent, (error) => error.code === 'FORBIDDEN');
  await server.rest('Alice', 'PUT', `/api/chat/conversations/${id}`, { allowReplies: true });
  alice.retry(reply.tempId);
  await until(messages, (it) => it.items.at(-1).content === 'A reply' && it.items.at(-1).state === 'sent', 'the reply');
  assert.equal(messages.get().items.at(-1).key, reply.tempId);
});

test('a message that was tried a day ago is not sent without being asked for', async (t) => {
  const id = await group(t.name);
  const storage = new MemoryStorage();
  const old = Date.now() - 24 * 60 * 60 * 1000;
  const draft = { tempId: 'old-one', conversationId: id, content: 'Old', attachments: [], parentMessageId: null, metadata: null, writtenAt: old, triedAt: old, refusal: null, owner: 'gone' };
  storage.setItem('confab.outbox.1.old-one', JSON.stringify(draft));
  storage.setItem('confab.outbox.1.broken', '{');
  const alice = client(t, server, 'Alice', { storage });
  const messages = await watch(t, alice, id);
  await until(messages, (it) => it.items.length === 1 && it.items[0].state === 'failed', 'it to be shown as failed');
  assert.deepEqual(await server.stored('Alice', id), []);
  alice.retry('old-one');
  await until(messages, (it) => it.items[0].state === 'sent', 'it to be sent');
});
