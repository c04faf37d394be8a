// After anything whatever, over connections that are cut, a store that followed shows what one shows that has just begun.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { client, online, transport, watch } from './support/clients.mjs';
import { startProxy } from './support/proxy.mjs';
import { startServer } from './support/server.mjs';
import { until } from './support/wait.mjs';

/** `SEED=7 STEPS=500` presses it with others. */
const STEPS = Number(process.env.STEPS ?? 120);
const SEEDS = process.env.SEED ? [Number(process.env.SEED)] : [4, 11];

let server;
before(async () => {
  server = await startServer();
});
after(() => server?.remove());

/** The same numbers for the same seed (mulberry32). */
function randomFrom(seed) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let it = Math.imul(state ^ (state >>> 15), 1 | state);
    it = (it + Math.imul(it ^ (it >>> 7), 61 | it)) ^ it;
    return ((it ^ (it >>> 14)) >>> 0) / 4_294_967_296;
  };
  return { below: (n) => Math.floor(next() * n), of: (list) => list[Math.floor(next() * list.length)] };
}

const EMOJI = ['👍', '❤️', '🎉'];

/** What somebody does who has this client: each is refused now and then, which is part of it. */
const ACTIONS = [
  [8, 'send', ({ chat, room, n }) => void chat.send({ conversationId: room, content: `Message ${n}` })],
  [3, 'reply', ({ chat, room, n, message }) => message && void chat.send({ conversationId: room, content: `Reply ${n}`, parentMessageId: message.id })],
  [3, 'edit', ({ chat, message, n }) => message && chat.edit(message.id, `Edited ${n}`)],
  [2, 'delete', ({ chat, message }) => message && chat.delete(message.id)],
  [4, 'react', ({ chat, message, random }) => message && chat.toggleReaction(message.id, random.of(EMOJI))],
  [3, 'read', ({ chat, room }) => chat.markRead(room)],
  [1, 'readSome', ({ chat, room, message }) => message && chat.markRead(room, message.id)],
  [1, 'pin', ({ chat, room, random }) => chat.setPinned(room, random.below(2) === 0)],
  [1, 'mute', ({ chat, room, random }) => chat.setMuted(room, random.below(2) === 0)],
  [1, 'archive', ({ chat, room, random }) => chat.setArchived(room, random.below(2) === 0)],
  [1, 'rename', ({ chat, room, n }) => chat.updateConversation(room, { name: `Room ${n}` })],
  [1, 'remove', ({ chat, room, random }) => chat.removeParticipant(room, random.of(['2', '3', '4']))],
  [2, 'add', ({ chat, room, random }) => chat.addParticipants(room, [random.of(['2', '3', '4'])])],
  [1, 'role', ({ chat, room, random }) => chat.setRole(room, random.of(['2', '3']), random.of(['ADMIN', 'MEMBER']))],
  [1, 'create', ({ chat, n }) => chat.createGroup({ name: `Group ${n}`, participantIds: ['2', '3'] })],
  [1, 'switch', ({ chat }) => chat.use(transport())],
  [2, 'cut', ({ proxy }) => proxy.cut()],
];
const BAG = ACTIONS.flatMap(([weight, ...it]) => Array(weight).fill(it));

/** All that a store shows of what the server keeps. */
function view(chat, rooms) {
  const plain = ({ key, tempId, attachments, ...message }) => message;
  return {
    conversations: chat.conversations.get().items.map(({ lastMessage, ...it }) => ({
      ...it,
      participants: it.participants.map(({ userId, role }) => `${userId} ${role}`),
      lastMessage: lastMessage && [lastMessage.id, lastMessage.content, lastMessage.isDeleted],
    })),
    archived: chat.archived.get().items.map((it) => it.id),
    unread: [...chat.unread.get().conversations].filter(([, count]) => count > 0).sort(),
    total: chat.unread.get().total,
    rooms: rooms.map(({ id, messages, thread }) => ({
      id,
      errors: [messages.get().error?.code, thread.get().error?.code],
      messages: messages.get().items.map(plain),
      markers: chat.readMarkers(id).get().map((it) => `${it.userId} ${it.lastReadMessageId}`).sort(),
      parent: thread && thread.get().parent?.replyCount,
      replies: thread && thread.get().replies.map(plain),
    })),
  };
}

/** Listens to these rooms and to the thread of the first message of each. */
async function look(t, chat, ids, parents) {
  t.after(chat.archived.subscribe(() => {}));
  const rooms = [];
  for (const id of ids) {
    const messages = chat.messages(id);
    t.after(messages.subscribe(() => {}));
    t.after(chat.conversation(id).subscribe(() => {}));
    const thread = chat.thread(parents.get(id));
    t.after(thread.subscribe(() => {}));
    rooms.push({ id, messages, thread });
  }
  await until(chat.archived, (it) => it.isLoaded, 'the archive');
  return rooms;
}

for (const seed of SEEDS) {
  test(`a store that followed ${STEPS} steps of three people shows what a new one shows, seed ${seed}`, (t) => follow(t, seed));
}

async function follow(t, seed) {
  const random = randomFrom(seed);
  const proxy = await startProxy(server.port);
  t.after(() => proxy.stop());
  const ids = [];
  const parents = new Map();
  for (const name of ['First', 'Second']) {
    const { id } = await server.rest('Alice', 'POST', '/api/chat/conversations', { name, participantIds: [2, 3, 4] });
    ids.push(String(id));
    parents.set(String(id), String((await server.send('Alice', id, 'The first')).id));
  }
  const people = [];
  for (const name of ['Alice', 'Bob', 'Carol']) {
    const chat = client(t, server, name, { url: proxy.origin });
    await online(chat);
    people.push({ name, chat, rooms: await look(t, chat, ids, parents) });
  }
  const done = [];
  for (let n = 0; n < STEPS; n += 1) {
    const { name, chat, rooms } = random.of(people);
    const room = random.of(rooms);
    const [what, act] = random.of(BAG);
    const sent = room.messages.get().items.filter((it) => it.state === 'sent');
    done.push(`${name} ${what} ${room.id}`);
    const acted = Promise.resolve(act({ chat, proxy, random, n, room: room.id, message: random.of(sent) })).catch((error) => assert.ok(error.code, String(error)));
    // Now and then several things are under way.
    if (random.below(3) > 0) await acted;
  }
  for (const { chat } of people) {
    await online(chat, 30_000);
    await until(chat.outbox, (it) => it.every((one) => one.state === 'failed'), 'an empty outbox', 30_000);
    for (const { tempId } of chat.outbox.get()) chat.discard(tempId);
  }
  for (const { name, chat, rooms } of people) {
    const fresh = client(t, server, name);
    await online(fresh);
    const others = await look(t, fresh, ids, parents);
    const whole = (all) => all.every(({ messages, thread }) => (messages.get().isLoaded || messages.get().error) && (thread.get().isLoaded || thread.get().error));
    const same = () => JSON.stringify(view(chat, rooms)) === JSON.stringify(view(fresh, others));
    const end = Date.now() + 10_000;
    while (!(whole(rooms) && whole(others) && same()) && Date.now() < end) await new Promise((go) => setTimeout(go, 50));
    assert.deepEqual(view(chat, rooms), view(fresh, others), `${name}'s, after:\n${done.join('\n')}`);
  }
}
