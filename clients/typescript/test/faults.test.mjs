// Whatever breaks between a client and its server: what was sent is stored once, what was heard is complete and in order.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { client, online, texts, transport, watch } from './support/clients.mjs';
import { startProxy } from './support/proxy.mjs';
import { startServer } from './support/server.mjs';
import { until, within } from './support/wait.mjs';

let server;
before(async () => {
  server = await startServer();
});
after(() => server?.remove());

/** A group of everybody in the demo data. */
async function group(t) {
  const { id } = await server.rest('Alice', 'POST', '/api/chat/conversations', { name: t.name.slice(0, 60), participantIds: [2, 3, 4] });
  return String(id);
}

async function proxied(t) {
  const proxy = await startProxy(server.port);
  t.after(() => proxy.stop());
  return proxy;
}

/** Sends until it is told to stop; resolves with the contents in their order. */
function talking(t, chat, id, letter) {
  let isOver = false;
  const sent = [];
  const said = [];
  const run = (async () => {
    for (let n = 0; !isOver; n += 1) {
      said.push(`${letter}${n}`);
      sent.push(chat.send({ conversationId: id, content: `${letter}${n}` }).sent);
      await Promise.race([sent.at(-1), pause(100)]);
    }
  })();
  t.after(() => (isOver = true));
  return {
    async stop() {
      isOver = true;
      await run;
      await within(60_000, Promise.all(sent), 'what was sent to be stored');
      return said;
    },
  };
}

/** All of it is stored once and in the order of each; what each list shows is what is stored. */
async function agree(id, saids, lists) {
  const stored = (await server.stored('Dave', id)).map((it) => it.content);
  for (const said of saids) {
    const letter = said[0][0];
    assert.deepEqual(stored.filter((it) => it.startsWith(letter)), said);
  }
  assert.equal(stored.length, saids.flat().length);
  for (const list of lists) {
    await until(list, (it) => it.items.length === stored.length, `${stored.length} messages`);
    assert.deepEqual(texts(list), stored);
  }
}

test('over connections that are cut again and again nothing is lost or doubled', async (t) => {
  const id = await group(t);
  const proxy = await proxied(t);
  const alice = client(t, server, 'Alice', { url: proxy.origin });
  const bob = client(t, server, 'Bob', { url: proxy.origin });
  await Promise.all([online(alice), online(bob)]);
  const lists = [await watch(t, alice, id), await watch(t, bob, id)];
  const talks = [talking(t, alice, id, 'a'), talking(t, bob, id, 'b')];
  for (let cut = 0; cut < 8; cut += 1) {
    const before = lists[0].get().items.filter((it) => it.state === 'sent').length;
    await until(lists[0], (it) => it.items.filter((one) => one.state === 'sent').length > before + 2, 'the talk to go on');
    proxy.cut();
  }
  await agree(id, await Promise.all(talks.map((it) => it.stop())), lists);
});

test('a server that is killed and one that is stopped is found again with all that was said', async (t) => {
  const id = await group(t);
  const [alice, bob] = [client(t, server, 'Alice'), client(t, server, 'Bob')];
  await Promise.all([online(alice), online(bob)]);
  const lists = [await watch(t, alice, id), await watch(t, bob, id)];
  const talks = [talking(t, alice, id, 'a'), talking(t, bob, id, 'b')];
  for (const end of ['kill', 'stop', 'kill']) {
    const before = lists[1].get().items.filter((it) => it.state === 'sent').length;
    await until(lists[1], (it) => it.items.filter((one) => one.state === 'sent').length > before + 5, 'the talk to go on');
    await server[end]();
    await until(alice.connection, (it) => it.status === 'reconnecting', 'a loss that is noticed');
    alice.send({ conversationId: '1', content: `While it is away, after ${end}` });
    await server.start();
    await Promise.all([online(alice, 30_000), online(bob, 30_000)]);
  }
  await agree(id, await Promise.all(talks.map((it) => it.stop())), lists);
  await until(alice.outbox, (it) => it.length === 0, 'an empty outbox');
  const away = (await server.stored('Alice', 1)).filter((it) => it.content.startsWith('While it is away'));
  assert.equal(away.length, 3);
});

test('an answer that was lost on its way is no second message, and is in its place when it is heard first', async (t) => {
  const id = await group(t);
  const proxy = await proxied(t);
  let cuts = 0;
  const inner = transport();
  // The server has it, and the connection goes before the client knows.
  const cutting = {
    name: inner.name,
    open: async (options) => {
      const link = await inner.open(options);
      const send = async (message) => {
        const stored = await link.send(message);
        if ((cuts += 1) > 3) return stored;
        proxy.cut();
        // Rejects as the request would have.
        return link.ping();
      };
      return { ...link, send };
    },
  };
  const alice = client(t, server, 'Alice', { url: proxy.origin, transport: cutting });
  const bob = client(t, server, 'Bob');
  await Promise.all([online(alice), online(bob)]);
  const [mine, his] = [await watch(t, alice, id), await watch(t, bob, id)];
  const sizes = new Set();
  t.after(mine.subscribe(() => sizes.add(mine.get().items.length)));
  const sending = alice.send({ conversationId: id, content: 'Only once' });
  await within(30_000, sending.sent, 'the message to be stored');
  assert.ok(cuts > 1, 'it was sent more than once');
  await until(his, (it) => it.items.length > 0, 'the message at the other side');
  await agree(id, [['Only once']], [mine, his]);
  assert.deepEqual([...sizes], [1], 'at no time was it shown twice');
  assert.equal(mine.get().items[0].key, sending.tempId);
});

test('a network that went silent is noticed when it is looked for, and what is volatile is asked again', async (t) => {
  const id = await group(t);
  const proxy = await proxied(t);
  const alice = client(t, server, 'Alice', { url: proxy.origin });
  const bob = client(t, server, 'Bob');
  await Promise.all([online(alice), online(bob)]);
  const list = await watch(t, alice, id);
  const presence = alice.presence('2');
  t.after(presence.subscribe(() => {}));
  await until(presence, (it) => it?.status === 'ONLINE', 'Bob to be there');
  bob.setTyping(id, true);
  await until(alice.typing(id), (it) => it.length === 1, 'Bob to type');
  proxy.freeze();
  await bob.send({ conversationId: id, content: 'Can you hear me?' }).sent;
  await bob.setPresence({ status: 'AWAY' });
  const mine = alice.send({ conversationId: id, content: 'Can you?' });
  assert.equal(alice.connection.get().status, 'online', 'nothing says that it is silent');
  // What a machine does that wakes up.
  alice.reconnect();
  await until(alice.connection, (it) => it.status === 'reconnecting', 'the silence to be noticed', 6_000);
  proxy.thaw();
  alice.reconnect();
  await within(20_000, mine.sent, 'the message to go out');
  await agree(id, [['Can you hear me?', 'Can you?']], [list]);
  await until(presence, (it) => it?.status === 'AWAY', 'Bob to be away');
  assert.deepEqual(alice.typing(id).get(), []);
  await bob.setPresence({ status: 'ONLINE' });
});

test('pings notice by themselves that a network went silent', async (t) => {
  const proxy = await proxied(t);
  const alice = client(t, server, 'Alice', { url: proxy.origin });
  await online(alice);
  proxy.freeze();
  await until(alice.connection, (it) => it.status === 'reconnecting', 'the silence to be noticed', 40_000);
  proxy.thaw();
  await online(alice, 40_000);
});

/** The server forgets its log, as it does with what is older than `log.retention_days`; resolves when it has. */
async function prune() {
  const { page } = await server.answer('Dave', 'GET', '/api/chat/events');
  const cursor = page.next.replace(/\d+$/, '1');
  await server.stop();
  const script = 'import sqlite3, sys\nwith sqlite3.connect(sys.argv[1]) as db: db.execute(sys.argv[2])';
  const sql = "UPDATE chat_events SET created_at = '2020-01-01 00:00:00.000000 +00:00'";
  execFileSync(process.env.CONFAB_PYTHON || 'python3', ['-c', script, server.database, sql]);
  await server.start();
  const until = Date.now() + 60_000;
  while ((await server.answer('Dave', 'GET', `/api/chat/events?after=${cursor}`)).code !== 'CURSOR_EXPIRED') {
    assert.ok(Date.now() < until, 'the log was not pruned');
    await pause(100);
  }
}

test('where the log does not reach back, all is read anew and stays on the screen meanwhile', async (t) => {
  const id = await group(t);
  const proxy = await proxied(t);
  const alice = client(t, server, 'Alice', { url: proxy.origin, pageSize: 10 });
  const bob = client(t, server, 'Bob');
  await Promise.all([online(alice), online(bob)]);
  const ids = [];
  for (let n = 0; n < 30; n += 1) ids.push((await bob.send({ conversationId: id, content: `m${n}` }).sent).id);
  const list = await watch(t, alice, id);
  await list.loadOlder();
  await until(list, (it) => it.items.length === 20, 'two pages');
  const fewest = { count: Infinity };
  t.after(list.subscribe(() => (fewest.count = Math.min(fewest.count, list.get().items.length))));

  await proxy.close();
  await until(alice.connection, (it) => it.status === 'reconnecting', 'the loss to be noticed');
  const waiting = alice.send({ conversationId: id, content: 'Written meanwhile' });
  await bob.edit(ids[25], 'edited');
  await bob.delete(ids[26]);
  await bob.toggleReaction(ids[12], '🎉');
  for (let n = 30; n < 50; n += 1) await bob.send({ conversationId: id, content: `m${n}` }).sent;
  await server.rest('Alice', 'PUT', `/api/chat/conversations/${id}`, { name: 'Renamed meanwhile' });
  const other = await server.rest('Bob', 'POST', '/api/chat/conversations', { name: 'New meanwhile', participantIds: [1] });
  bob.close();

  await prune();
  await proxy.reopen();
  alice.reconnect();
  await online(alice, 30_000);
  await within(15_000, waiting.sent, 'what was written meanwhile');
  const stored = await server.stored('Alice', id);
  await until(list, (it) => it.items.at(-1)?.content === 'Written meanwhile' && it.items.at(-1).state === 'sent', 'the newest');
  const shown = list.get().items;
  assert.deepEqual(shown.map((it) => [it.id, it.content]), stored.slice(-shown.length).map((it) => [String(it.id), it.content]));
  assert.ok(shown.some((it) => it.id === ids[10]), 'as far back as before');
  assert.ok(shown.find((it) => it.id === ids[26]).isDeleted);
  assert.equal(shown.find((it) => it.id === ids[12]).reactions[0].emoji, '🎉');
  assert.ok(fewest.count >= 20, `what is on the screen stays: ${fewest.count}`);
  assert.equal(alice.conversation(id).get().name, 'Renamed meanwhile');
  assert.ok(alice.conversations.get().items.some((it) => it.id === String(other.id)));
  assert.equal(alice.unread.get().total, (await server.rest('Alice', 'GET', '/api/chat/conversations/unread')).totalUnread);
  // And it is followed again.
  await server.send('Carol', id, 'The end');
  await until(list, (it) => it.items.at(-1).content === 'The end', 'what comes after');
});
