// What the store shows is what the server has, and what is done there is what others hear.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { compareIds, ConfabError, marks } from '../dist/index.js';
import { client, online, texts, transport, watch, watched } from './support/clients.mjs';
import { PEOPLE, startServer } from './support/server.mjs';
import { until } from './support/wait.mjs';

let server;
before(async () => {
  server = await startServer();
});
after(() => server?.remove());

/** A group of Alice, Bob and Carol, and clients of the first two, who look at its messages. */
async function together(t) {
  const group = await server.rest('Alice', 'POST', '/api/chat/conversations', { name: t.name.slice(0, 60), participantIds: [2, 3] });
  const id = String(group.id);
  const [alice, bob] = [client(t, server, 'Alice'), client(t, server, 'Bob')];
  await Promise.all([online(alice), online(bob)]);
  const [of_alice, of_bob] = [await watch(t, alice, id), await watch(t, bob, id)];
  return { id, alice, bob, of_alice, of_bob };
}

test('a message is shown at once, sent, and heard once by everybody in the order of their ids', async (t) => {
  const { id, alice, bob, of_alice, of_bob } = await together(t);
  const first = alice.send({ conversationId: id, content: 'One' });
  const [shown] = of_alice.get().items;
  assert.deepEqual([shown.state, shown.content, shown.senderName, shown.key], ['sending', 'One', 'Alice', first.tempId]);
  const sent = [first, alice.send({ conversationId: id, content: 'Two' }), alice.send({ conversationId: id, content: 'Three' })];
  const stored = await Promise.all(sent.map((it) => it.sent));
  assert.ok(compareIds(stored[0].id, stored[1].id) < 0 && compareIds(stored[1].id, stored[2].id) < 0);
  await until(of_bob, (it) => it.items.length === 3, 'three messages');
  assert.deepEqual(texts(of_bob), ['One', 'Two', 'Three']);
  assert.deepEqual(texts(of_alice), ['One', 'Two', 'Three']);
  assert.deepEqual(of_alice.get().items.map((it) => it.key), sent.map((it) => it.tempId), 'the keys stay');
  assert.deepEqual(bob.conversations.get().items[0].id, id, 'the latest activity is first');
  assert.equal(bob.conversation(id).get().lastMessage.content, 'Three');
  assert.equal(alice.outbox.get().length, 0);
});

test('a hundred messages from both sides at once are all there, once, in one order', async (t) => {
  const { id, alice, bob, of_alice, of_bob } = await together(t);
  const sent = [];
  for (let n = 0; n < 50; n += 1) {
    sent.push(alice.send({ conversationId: id, content: `A${n}` }).sent, bob.send({ conversationId: id, content: `B${n}` }).sent);
  }
  await Promise.all(sent);
  const stored = (await server.stored('Carol', id)).map((it) => it.content);
  assert.equal(stored.length, 100);
  for (const messages of [of_alice, of_bob]) {
    await until(messages, (it) => it.items.length === 100, 'all of them');
    assert.deepEqual(texts(messages), stored);
  }
  for (const [who, letter] of [['Alice', 'A'], ['Bob', 'B']]) {
    const own = stored.filter((it) => it.startsWith(letter));
    assert.deepEqual(own, Array.from({ length: 50 }, (_, n) => `${letter}${n}`), `${who}'s are in the order in which they were sent`);
  }
});

test('older messages come by pages, and a list can be loaded back to one of them', async (t) => {
  const { id, alice } = await together(t);
  const all = [];
  for (let n = 0; n < 130; n += 1) all.push(String((await server.send('Bob', id, `Number ${n}`)).id));
  const other = client(t, server, 'Alice', { pageSize: 20 });
  const messages = await watch(t, other, id);
  assert.deepEqual(messages.get().items.map((it) => it.id), all.slice(-20));
  assert.ok(messages.get().hasOlder);
  await messages.loadOlder();
  assert.deepEqual(messages.get().items.map((it) => it.id), all.slice(-40));
  assert.equal(await messages.loadBackTo(all[5]), true);
  assert.deepEqual(messages.get().items.map((it) => it.id), all.slice(-messages.get().items.length));
  while (messages.get().hasOlder) await messages.loadOlder();
  assert.deepEqual(messages.get().items.map((it) => it.id), all);
  assert.equal(await messages.loadBackTo('1'), false, 'a message of another conversation is not there');
  await alice.send({ conversationId: id, content: 'The end' }).sent;
  await until(messages, (it) => it.items.at(-1).content === 'The end', 'the new message behind the old ones');
});

test('replies are counted and shown in their thread', async (t) => {
  const { id, alice, bob, of_alice, of_bob } = await together(t);
  const parent = await alice.send({ conversationId: id, content: 'What do you think?' }).sent;
  const thread = bob.thread(parent.id);
  t.after(thread.subscribe(() => {}));
  await until(thread, (it) => it.isLoaded, 'the thread');
  const replies = [bob.send({ conversationId: id, content: 'Yes', parentMessageId: parent.id }), alice.send({ conversationId: id, content: 'No', parentMessageId: parent.id })];
  assert.equal(thread.get().replies.length, 1, 'what waits is shown in the thread');
  const [yes] = await Promise.all(replies.map((it) => it.sent));
  await until(thread, (it) => it.replies.length === 2 && it.replies.every((reply) => reply.state === 'sent'), 'two replies');
  for (const messages of [of_alice, of_bob]) {
    await until(messages, (it) => it.items.find((one) => one.id === parent.id)?.replyCount === 2, 'the count of replies');
  }
  // What was sent while the thread was answered may count twice, until it is asked for once more a second later.
  await until(thread, (it) => it.parent.replyCount === 2, 'the count in the thread');
  await bob.delete(yes.id);
  await until(of_alice, (it) => it.items.find((one) => one.id === parent.id).replyCount === 1, 'the count after a deletion');
  assert.equal((await alice.message(parent.id)).replyCount, 1);
});

test('edits, deletions and reactions are shown at once and heard by others', async (t) => {
  const { id, alice, bob, of_alice, of_bob } = await together(t);
  const { id: messageId } = await alice.send({ conversationId: id, content: 'Befor' }).sent;
  await until(of_bob, (it) => it.items.length === 1, 'the message');

  const edited = alice.edit(messageId, 'Before');
  assert.deepEqual(texts(of_alice), ['Before']);
  await edited;
  await until(of_bob, (it) => it.items[0].content === 'Before' && it.items[0].isEdited, 'the edit');

  const reacted = bob.toggleReaction(messageId, '👍');
  assert.deepEqual(of_bob.get().items[0].reactions, [{ emoji: '👍', count: 1, viewerReacted: true }]);
  await reacted;
  await alice.toggleReaction(messageId, '👍');
  await until(of_bob, (it) => it.items[0].reactions[0]?.count === 2, 'both reactions');
  assert.deepEqual(of_bob.get().items[0].reactions, [{ emoji: '👍', count: 2, viewerReacted: true }]);
  await bob.toggleReaction(messageId, '👍');
  assert.deepEqual(of_bob.get().items[0].reactions, [{ emoji: '👍', count: 1, viewerReacted: false }]);
  assert.deepEqual((await bob.reactions(messageId)).map((it) => it.userName), ['Alice']);

  const deleted = alice.delete(messageId);
  assert.deepEqual([of_alice.get().items[0].isDeleted, of_alice.get().items[0].content], [true, null]);
  await deleted;
  await until(of_bob, (it) => it.items[0].isDeleted, 'the deletion');
  assert.deepEqual(of_bob.get().items[0].reactions, []);
});

test('what the server refuses is taken back and says why', async (t) => {
  const { id, alice, bob, of_bob } = await together(t);
  const { id: messageId } = await alice.send({ conversationId: id, content: 'Mine' }).sent;
  await until(of_bob, (it) => it.items.length === 1, 'the message');
  for (const [act, code] of [
    [() => bob.edit(messageId, 'Yours'), 'FORBIDDEN'],
    [() => bob.delete(messageId), 'FORBIDDEN'],
    [() => bob.toggleReaction(messageId, 'no emoji'), 'BAD_REQUEST'],
    [() => bob.updateConversation(id, { name: 'Ours' }), 'FORBIDDEN'],
    [() => bob.message('999999'), 'NOT_FOUND'],
  ]) {
    await assert.rejects(act, (error) => error instanceof ConfabError && error.code === code && error.message.length > 5);
    assert.deepEqual(texts(of_bob), ['Mine']);
    assert.deepEqual(of_bob.get().items[0].reactions, []);
  }
});

test('what is unread is what the server counts, and markers are seen by others', async (t) => {
  const { id, alice, bob, of_bob } = await together(t);
  const unread = async () => (await server.rest('Bob', 'GET', '/api/chat/conversations/unread')).conversations.find((it) => String(it.conversationId) === id)?.unreadCount ?? 0;
  const agree = async (count) => {
    await until(bob.conversation(id), (it) => it?.unreadCount === count, `${count} unread`);
    assert.equal(await unread(), count);
    assert.equal(bob.unread.get().conversations.get(id), count);
  };
  const sent = [];
  for (const content of ['One', 'Two', 'Three']) sent.push(await alice.send({ conversationId: id, content }).sent);
  await bob.send({ conversationId: id, content: 'Mine is not unread' }).sent;
  await agree(3);
  await alice.delete(sent[1].id);
  await agree(2);
  await until(of_bob, (it) => it.items.length === 4, 'the messages');
  bob.markRead(id, sent[0].id);
  await until(alice.readMarkers(id), (it) => it.some((one) => one.userId === '2' && one.lastReadMessageId === sent[0].id), "Bob's marker");
  await agree(1);
  // On another device.
  const elsewhere = client(t, server, 'Bob');
  await online(elsewhere);
  elsewhere.markRead(id);
  assert.equal(elsewhere.conversation(id).get().unreadCount, 0, 'shown at once');
  await agree(0);
  await alice.send({ conversationId: id, content: 'One more' }).sent;
  await agree(1);
  assert.equal(bob.unread.get().total, (await server.rest('Bob', 'GET', '/api/chat/conversations/unread')).totalUnread);
});

test('many steps of a marker are few requests, and it never moves back', async (t) => {
  const { id, alice, bob: other } = await together(t);
  let requests = 0;
  const bob = client(t, server, 'Bob', { transport: watched(transport(), 'markRead', () => (requests += 1)) });
  await online(bob);
  const messages = await watch(t, bob, id);
  const ids = [];
  for (let n = 0; n < 20; n += 1) ids.push((await alice.send({ conversationId: id, content: `${n}` }).sent).id);
  await until(messages, (it) => it.items.length === 20, 'the messages');
  for (const messageId of ids) bob.markRead(id, messageId);
  await until(alice.readMarkers(id), (it) => it.some((one) => one.lastReadMessageId === ids.at(-1)), 'the marker at the end');
  assert.equal(requests, 1);
  assert.deepEqual((await alice.readReceipts(ids[0])).map((it) => it.userId), ['2']);
  bob.markRead(id, ids[3]);
  assert.equal(bob.conversation(id).get().unreadCount, 0);
  await until(other.conversation(id), (it) => it.unreadCount === 0, 'nothing unread elsewhere');
  assert.equal(requests, 1);
});

test('groups and their people, roles and settings are as they are told', async (t) => {
  const { id, alice, bob, of_bob } = await together(t);
  const group = await alice.createGroup({ name: 'Made here', participantIds: ['2'] });
  await until(bob.conversation(group.id), (it) => it?.name === 'Made here', 'the new group');
  await until(bob.conversations, (it) => it.items.some((one) => one.id === group.id), 'it in the list');
  await alice.updateConversation(group.id, { name: 'Renamed', description: 'And described' });
  await until(bob.conversation(group.id), (it) => it?.name === 'Renamed' && it.description === 'And described', 'the new name');
  await alice.addParticipants(group.id, ['3', '4']);
  await until(bob.conversation(group.id), (it) => it?.participantCount === 4 && it.participants.length === 4, 'four people');
  assert.deepEqual((await bob.participants({ conversationId: group.id, search: 'da' })).items.map((it) => it.userName), ['Dave']);
  await alice.removeParticipant(group.id, '3');
  await until(bob.conversation(group.id), (it) => it?.participantCount === 3, 'three people');
  await alice.setRole(group.id, '2', 'ADMIN');
  await until(bob.conversation(group.id), (it) => it?.participants.find((one) => one.userId === '2').role === 'ADMIN', 'the role');
  await alice.transferOwnership(group.id, '2');
  await until(bob.conversation(group.id), (it) => it?.participants.find((one) => one.userId === '2').role === 'OWNER', 'the owner');

  const pinned = bob.setPinned(group.id, true);
  assert.equal(bob.conversation(group.id).get().pinned, true);
  await pinned;
  await alice.send({ conversationId: id, content: 'Later' }).sent;
  await until(of_bob, (it) => it.items.length === 1, 'the message');
  assert.equal(bob.conversations.get().items[0].id, group.id, 'pinned ones are first');
  await bob.setMuted(group.id, true);
  await bob.setArchived(group.id, true);
  assert.ok(!bob.conversations.get().items.some((it) => it.id === group.id));
  await until(bob.archived, (it) => it.isLoaded && it.items.some((one) => one.id === group.id && one.muted), 'it in the archive');
  assert.deepEqual((await bob.findConversations('renamed')).map((it) => it.id), [group.id]);

  await alice.leave(group.id);
  await until(alice.conversation(group.id), (it) => it === undefined, 'having left');
  await bob.deleteConversation(group.id);
  await until(bob.conversation(group.id), (it) => it === undefined, 'its deletion');
  const direct = await alice.openDirect('4');
  assert.deepEqual([direct.type, direct.name], ['DIRECT', 'Dave']);
  assert.equal((await alice.openDirect('4')).id, direct.id);
});

test('whoever is removed sees nothing more, and all of it when they are added again', async (t) => {
  const { id, alice, bob, of_bob } = await together(t);
  await alice.send({ conversationId: id, content: 'Before' }).sent;
  await until(of_bob, (it) => it.items.length === 1, 'the message');
  await alice.removeParticipant(id, '2');
  await until(of_bob, (it) => it.error?.code === 'FORBIDDEN' && it.items.length === 0, 'the end of it');
  assert.equal(bob.conversation(id).get(), undefined);
  await alice.send({ conversationId: id, content: 'Meanwhile' }).sent;
  await alice.addParticipants(id, ['2']);
  await until(of_bob, (it) => it.items.length === 2 && it.error === null, 'all of it');
  assert.deepEqual(texts(of_bob), ['Before', 'Meanwhile']);
});

test('typing is told now and then, ends by itself and with the message', async (t) => {
  const { id, alice, bob } = await together(t);
  const typing = alice.typing(id);
  for (let n = 0; n < 20; n += 1) bob.setTyping(id, true);
  await until(typing, (it) => it.length === 1 && it[0].userName === 'Bob', 'Bob to type');
  await until(typing, (it) => it.length === 0, 'the end of it');
  bob.setTyping(id, true);
  await until(typing, (it) => it.length === 1, 'Bob to type again');
  await bob.send({ conversationId: id, content: 'Done' }).sent;
  await until(typing, (it) => it.length === 0, 'the end with the message', 3_000);
});

test('presence follows those who are looked at', async (t) => {
  const { alice } = await together(t);
  const carol = alice.presence('3');
  t.after(carol.subscribe(() => {}));
  await until(carol, (it) => it?.online === false, 'Carol to be away');
  const other = client(t, server, 'Carol');
  await online(other);
  await until(carol, (it) => it?.status === 'ONLINE', 'Carol to come');
  await other.setPresence({ status: 'DND', statusMessage: 'In a meeting' });
  await until(carol, (it) => it?.status === 'DND' && it.statusMessage === 'In a meeting', 'Carol not to be disturbed');
  await other.setPresence({ status: 'ONLINE', statusMessage: '' });
  assert.equal(alice.person('3').get().name, 'Carol');
});

test('searches find messages, with the words that matched', async (t) => {
  const { id, alice, bob } = await together(t);
  await alice.send({ conversationId: id, content: 'a < b & the quick brown fox' }).sent;
  const { items, next } = await bob.searchMessages({ text: 'qui bro', conversationId: id });
  assert.equal(next, null);
  assert.equal(items[0].message.content, 'a < b & the quick brown fox');
  const pieces = marks(items[0].snippet);
  assert.deepEqual(pieces.filter((it) => it.isMatch).map((it) => it.text), ['quick', 'brown']);
  assert.equal(pieces.map((it) => it.text).join(''), 'a < b & the quick brown fox');
});

test('people are found by the beginnings of their names', async (t) => {
  const { alice } = await together(t);
  const { items, next } = await alice.searchPeople({ text: 'car' });
  assert.deepEqual(items, [{ id: '3', name: 'Carol', avatarUrl: null }]);
  assert.equal(next, null);
});

test('a file goes up and with a message to others', async (t) => {
  const { id, alice, bob, of_bob } = await together(t);
  const steps = [];
  const file = await alice.upload(new File(['Just some text'], 'notes.txt', { type: 'text/plain' }), { conversationId: id, onProgress: (it) => steps.push(it) });
  assert.deepEqual([file.fileName, file.contentType, file.size, typeof file.id], ['notes.txt', 'text/plain', 14, 'string']);
  assert.deepEqual(steps.at(-1), { loaded: 14, total: 14 });
  const sending = alice.send({ conversationId: id, attachments: [file] });
  await sending.sent;
  await until(of_bob, (it) => it.items[0]?.attachments[0]?.fileName === 'notes.txt', 'the file');
  assert.equal(of_bob.get().items[0].messageType, 'FILE');
  const { url } = of_bob.get().items[0].attachments[0];
  assert.equal(await (await fetch(new URL(url, server.origin))).text(), 'Just some text');
  assert.equal((await bob.attachments({ conversationId: id })).items.length, 1);
  await assert.rejects(() => alice.upload(new File([], 'empty.txt')), (error) => error.code === 'BAD_REQUEST');
  await assert.rejects(() => alice.upload(new File(['x'], 'x.txt'), { signal: AbortSignal.abort() }), (error) => error.code === 'ABORTED');
});

test('names of people are known from wherever they came by', async (t) => {
  const { alice } = await together(t);
  for (const [name, id] of Object.entries(PEOPLE)) await until(alice.person(String(id)), (it) => it?.name === name, name);
});
