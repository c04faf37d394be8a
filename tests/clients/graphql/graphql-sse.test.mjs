// The npm client `graphql-sse` in its mode of one connection for each operation.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createClient } from 'graphql-sse';
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

/** Subscribes; `open` resolves once the server has begun its answer. */
function listen(headers) {
  const inbox = new Inbox('messages');
  let opened;
  const open = new Promise((done) => (opened = done));
  const client = createClient({ url: `${server.origin}/graphql`, headers, retryAttempts: 0, on: { connected: () => opened() } });
  client.subscribe(
    { query: LISTEN },
    {
      next: (result) => inbox.put(result),
      error: (error) => inbox.put({ ended: error }),
      complete: () => inbox.put({ ended: 'complete' }),
    },
  );
  return { client, inbox, open };
}

test('a message that Alice sends by curl reaches Bob, who subscribed', async () => {
  const { client, inbox, open } = listen({ Authorization: `Bearer ${server.tokens.Bob}` });
  await within(10_000, open, 'the beginning of the stream');
  for (const content of ['To the stream: 1 < 2 && "x" 👍🏽', 'Two\nlines']) {
    const sent = await send(server, 'Alice', 1, content);
    const result = await inbox.take('the message');
    assert.deepEqual(result, { data: { messages: { id: String(sent.id), content, senderName: 'Alice' } } });
  }
  client.dispose();
});

test('a query over the stream answers once and completes', async () => {
  const client = createClient({
    url: `${server.origin}/graphql`,
    headers: { Authorization: `Bearer ${server.tokens.Carol}` },
    retryAttempts: 0,
  });
  const results = [];
  const all = (async () => {
    for await (const result of client.iterate({ query: '{ me { id name } }' })) results.push(result);
  })();
  await within(10_000, all, 'the end of the stream');
  assert.deepEqual(results, [{ data: { me: { id: '3', name: 'Carol' } } }]);
  client.dispose();
});

test('wrong tokens are answered with 401', async (t) => {
  for (const [kind, token] of Object.entries(wrongTokens(server.tokens.Bob))) {
    await t.test(kind, async () => {
      const { client, inbox } = listen(token === undefined ? {} : { Authorization: `Bearer ${token}` });
      const { ended } = await inbox.take('the refusal');
      assert.equal(ended?.response?.status, 401, `answered with 401, not ${ended}`);
      assert.match(ended.response.headers.get('www-authenticate') ?? '', /^Bearer/);
      client.dispose();
    });
  }
});
