// The documentation's class in Node.js, over each transport of `sockjs-client` that works there.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { get, send } from '../curl.mjs';
import { startServer } from '../server.mjs';
import { wrongTokens } from '../tokens.mjs';
import { within } from '../wait.mjs';
import { chatClient } from './chat-client.mjs';
import { HALVES, HEARD_OF_HALVES, TEXTS } from './texts.mjs';

const TRANSPORTS = ['websocket', 'xhr-streaming', 'xhr-polling', 'eventsource'];
const FIELDS = [
  ...['id', 'conversationId', 'messageType', 'content', 'senderId', 'senderName', 'parentMessageId'],
  ...['replyCount', 'isEdited', 'isDeleted', 'attachments', 'reactionSummary', 'createdAt'],
];

let server;
before(async () => {
  server = await startServer({ 'limits.reactions_per_minute': 0 });
});
after(() => server?.stop());

/** Connects, and waits until the subscriptions hold. */
async function connect(name, transport) {
  const client = chatClient(server, server.tokens[name], transport);
  assert.equal(await client.hear('connected'), transport);
  await within(10_000, client.settled(), 'the receipt');
  return client;
}

test('who goes online is told to those who share a conversation', async () => {
  const alice = await connect('Alice', 'websocket');
  const carol = await connect('Carol', 'websocket');
  const presence = await alice.hear('Presence', (it) => it.userId === 3);
  assert.equal(presence.userName, 'Carol');
  assert.equal(presence.status, 'ONLINE');
  assert.equal(presence.online, true);
  carol.chat.disconnect();
  alice.chat.disconnect();
});

for (const transport of TRANSPORTS) {
  test(`all that the class can do works over ${transport}`, async (t) => {
    const alice = await connect('Alice', transport);
    const bob = await connect('Bob', transport);
    let message;

    await t.test('its last line reaches both', async () => {
      alice.lastLine();
      message = await bob.hear('New message', (it) => it.content === 'Hello, everyone!');
      assert.deepEqual(Object.keys(message).slice(0, FIELDS.length), FIELDS);
      assert.equal(message.conversationId, 1);
      assert.equal(message.messageType, 'TEXT');
      assert.equal(message.senderId, 1);
      assert.equal(message.senderName, 'Alice');
      assert.deepEqual(await alice.hear('New message', (it) => it.id === message.id), message);
    });

    await t.test('typing is told to the others', async () => {
      bob.chat.startTyping(1);
      const started = await alice.hear('Typing');
      assert.deepEqual([started.conversationId, started.userId, started.userName, started.typing], [1, 2, 'Bob', true]);
      bob.chat.stopTyping(1);
      assert.equal((await alice.hear('Typing')).typing, false);
      assert.ok(!bob.inbox.rest().some((it) => it.kind === 'Typing'), 'one does not hear oneself typing');
    });

    await t.test('what is read is no longer unread', async () => {
      bob.chat.markAsRead(1);
      await within(10_000, bob.settled(), 'the receipt');
      const { conversations } = await get(server, 'Bob', '/api/chat/conversations/unread');
      assert.ok(!conversations.some((it) => it.conversationId === 1 && it.unreadCount > 0));
    });

    await t.test('a reaction counts', async () => {
      bob.chat.addReaction(message.id, 1, '👍');
      await within(10_000, bob.settled(), 'the receipt');
      assert.deepEqual(await get(server, 'Alice', `/api/chat/messages/${message.id}/reactions/summary`), { '👍': 1 });
    });

    await t.test('a message sent by curl arrives', async () => {
      const sent = await send(server, 'Bob', 1, 'From curl: 1 < 2 && "x"\n\tend');
      const heard = await alice.hear('New message', (it) => it.id === sent.id);
      assert.equal(heard.content, 'From curl: 1 < 2 && "x"\n\tend');
    });

    await t.test('the longest messages arrive whole, wherever the client cuts them', async () => {
      // The client cuts a long frame after every 16,384 UTF-16 units: with one of these two, in the middle of an emoji.
      for (const content of ['👍'.repeat(10_000), 'x' + '👍'.repeat(9_999)]) {
        alice.chat.sendMessage(1, content);
        const heard = await bob.hear('New message', (it) => it.content.length > 1000);
        assert.ok(heard.content === content, `${content.length} units were sent, ${heard.content.length} arrived`);
      }
    });

    await t.test('every text arrives as it was sent', async () => {
      for (const text of TEXTS) {
        alice.chat.sendMessage(1, text);
        await bob.hear('New message', (it) => it.content === text);
        await alice.hear('New message', (it) => it.content === text);
        const sent = await send(server, 'Bob', 1, text);
        assert.equal((await alice.hear('New message', (it) => it.id === sent.id)).content, text);
        await bob.hear('New message', (it) => it.id === sent.id);
      }
      alice.chat.stompClient.ws.send(HALVES);
      await bob.hear('New message', (it) => it.content === HEARD_OF_HALVES);
    });

    assert.ok(![...alice.inbox.rest(), ...bob.inbox.rest()].some((it) => it.kind === 'error'));
    alice.chat.disconnect();
    bob.chat.disconnect();
  });

  test(`wrong tokens are answered with ERROR over ${transport}`, async () => {
    for (const [kind, token] of Object.entries(wrongTokens(server.tokens.Bob))) {
      const client = chatClient(server, token ?? '', transport);
      const refused = await client.hear('error');
      assert.equal(refused.command, 'ERROR', kind);
      assert.ok(refused.headers.message, kind);
      // And then the connection is closed.
      assert.match(await client.hear('error', (it) => typeof it === 'string'), /Lost connection/, kind);
    }
  });
}
